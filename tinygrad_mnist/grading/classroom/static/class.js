"use strict";
const body = document.querySelector(".wide tbody");
const heads = [...document.querySelectorAll(".wide thead th")];
const key = (row, column) => row.cells[column].dataset.sort ?? row.cells[column].textContent;

heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
  const up = head.ariaSort !== "ascending";
  heads.forEach(other => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const inOrder = [...body.rows].sort((a, b) => key(a, column).localeCompare(key(b, column), undefined, { numeric: true }));
  body.append(...(up ? inOrder : inOrder.reverse()));
}));
