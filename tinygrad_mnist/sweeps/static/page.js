"use strict";
const sweep = JSON.parse(document.getElementById("sweep").textContent);
const trials = sweep.trials, names = Object.keys(sweep.space);
const dark = matchMedia("(prefers-color-scheme: dark)");
const at = id => document.getElementById(id);
const percent = share => `${(100 * share).toFixed(2)} %`;
const shown = value => typeof value === "number" ? String(Number(value.toPrecision(4))) : value;
const described = trial => names.map(name => `${name} ${shown(trial.values[name])}`).join(", ");
let chosen = sweep.best;

function style() {
  const ink = dark.matches ? "#ddd" : "#222", rule = dark.matches ? "#444" : "#ddd";
  const axis = { gridcolor: rule, zerolinecolor: rule, linecolor: rule, automargin: true };
  return {
    ink, mark: dark.matches ? "#6db3ff" : "#0b63ce", hot: dark.matches ? "#ffb454" : "#c2410c", faint: dark.matches ? "#889" : "#99a",
    layout: more => ({ paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: ink, family: "system-ui, sans-serif" },
      margin: { l: 55, r: 15, t: 10, b: 45 }, showlegend: false, hovermode: "closest", uirevision: "kept", ...more,
      xaxis: { ...axis, ...more.xaxis }, yaxis: { tickformat: ".1%", ...axis, ...more.yaxis } }),
  };
}

/** A command whose lines are broken between its options alone. */
function tell(id, command) {
  const parts = command.split(/ (?=--)/).map(part => Object.assign(document.createElement("span"), { textContent: part }));
  at(id).replaceChildren(...parts.flatMap(part => [part, " "]));
}

function draw(id, traces, layout) {
  return Plotly.react(id, traces, layout, { responsive: true, displayModeBar: false });
}

function points(x, colours) {
  return { x, y: trials.map(trial => trial.accuracy), mode: "markers", type: "scatter", text: trials.map(trial => `trial ${trial.number}<br>${described(trial).replaceAll(", ", "<br>")}`),
    hovertemplate: "%{text}<br>%{y:.2%}<extra></extra>", customdata: trials.map(trial => trial.number),
    marker: { size: trials.map(trial => trial.number === chosen ? 14 : 9), symbol: trials.map(trial => trial.ended ? "x-thin-open" : "circle"),
      color: trials.map(trial => trial.number === chosen ? colours.hot : trial.ended ? colours.faint : colours.mark) } };
}

function drawAll() {
  const colours = style();
  const trial = trials.find(one => one.number === chosen);
  at("trial-name").textContent = `Trial ${trial.number}: ${percent(trial.accuracy)}${trial.ended ? `, ${trial.ended}` : ""}${chosen === sweep.best ? ", the best" : ""}`;
  at("trial-values").textContent = described(trial);
  tell("command", trial.command);
  const epochs = trial.curve.map((_, index) => index + 1);
  draw("curve", [{ x: epochs, y: trial.curve, mode: "lines+markers", line: { color: colours.hot }, hovertemplate: "epoch %{x}: %{y:.2%}<extra></extra>" }],
    colours.layout({ xaxis: { title: { text: "epoch" } }, yaxis: { title: { text: "validation", standoff: 12 } } }));
  const record = trials.map((_, index) => Math.max(...trials.slice(0, index + 1).map(one => one.accuracy)));
  const order = trials.map((_, index) => index + 1);
  draw("history", [{ x: order, y: record, mode: "lines", line: { shape: "hv", color: colours.faint }, hoverinfo: "skip" }, points(order, colours)],
    colours.layout({ xaxis: { title: { text: "trial, in order" } }, yaxis: { title: { text: "validation accuracy", standoff: 12 } } }));
  for (const name of names) {
    const numeric = trials.every(one => typeof one.values[name] === "number");
    draw(`slice-${name}`, [points(trials.map(one => one.values[name]), colours)], colours.layout({ xaxis: { title: { text: name },
      exponentformat: "e",
      ...(numeric ? { type: sweep.log.includes(name) ? "log" : "linear" } : { type: "category", categoryarray: sweep.space[name].split("|") }) } }));
  }
  draw("parallel", [{ type: "parcoords", labelfont: { color: colours.ink }, tickfont: { color: colours.ink }, rangefont: { color: colours.ink },
    line: { color: trials.map(one => one.accuracy), colorscale: [[0, colours.faint], [1, colours.hot]] },
    dimensions: [...names.map(dimension), { label: "accuracy", values: trials.map(one => one.accuracy), tickformat: ".1%" }] }],
  colours.layout({ margin: { l: 70, r: 70, t: 45, b: 20 } }));
  const weights = Object.entries(sweep.importances).reverse();
  at("no-importance").hidden = weights.length > 0;
  at("importance").hidden = weights.length === 0;
  if (weights.length) draw("importance", [{ type: "bar", orientation: "h", x: weights.map(pair => pair[1]), y: weights.map(pair => pair[0]), marker: { color: colours.mark },
    hovertemplate: "%{y}: %{x:.2f}<extra></extra>" }], colours.layout({ xaxis: { title: { text: "importance (PED-ANOVA), of 1" } }, yaxis: { tickformat: "" } }));
  for (const row of at("table").tBodies[0].rows) row.toggleAttribute("aria-current", Number(row.dataset.number) === chosen);
}

function dimension(name) {
  const values = trials.map(one => one.values[name]);
  if (values.every(value => typeof value === "number")) {
    if (!sweep.log.includes(name)) return { label: name, values };
    const logs = values.map(Math.log10), ticks = [];
    for (let power = Math.floor(Math.min(...logs)); power <= Math.max(...logs) + 1; power++) ticks.push(power);
    return { label: name, values: logs, tickvals: ticks, ticktext: ticks.map(power => `1e${power}`) };
  }
  const kinds = sweep.space[name].split("|");
  return { label: name, values: values.map(value => kinds.indexOf(value)), tickvals: kinds.map((_, index) => index), ticktext: kinds };
}

function choose(number) {
  chosen = number;
  drawAll();
}

function fillTable() {
  const head = at("table").createTHead().insertRow();
  for (const title of ["trial", "validation", ...names, "epochs", "s", ""]) head.append(Object.assign(document.createElement("th"), { textContent: title }));
  const body = at("table").createTBody();
  for (const trial of [...trials].sort((a, b) => b.accuracy - a.accuracy)) {
    const row = body.insertRow();
    row.dataset.number = trial.number;
    row.classList.toggle("best", trial.number === sweep.best);
    const button = Object.assign(document.createElement("button"), { textContent: trial.number, title: "show its curve and command" });
    button.addEventListener("click", () => { choose(trial.number); at("trial").scrollIntoView({ block: "nearest" }); });
    row.insertCell().append(button);
    for (const text of [percent(trial.accuracy), ...names.map(name => shown(trial.values[name])), trial.curve.length, trial.seconds.toFixed(1), trial.ended ?? ""]) row.insertCell().textContent = text;
  }
}

at("facts").textContent = sweep.facts;
for (const line of sweep.verdict) at("verdict").append(Object.assign(document.createElement("p"), { textContent: line }));
tell("winner", sweep.winner);
for (const name of names) at("slices").append(Object.assign(document.createElement("div"), { id: `slice-${name}`, className: "plot" }));
fillTable();
drawAll();
for (const id of ["history", ...names.map(name => `slice-${name}`)]) {
  at(id).on("plotly_click", event => { const number = event.points[0].customdata; if (number !== undefined) choose(number); });
}
dark.addEventListener("change", drawAll);
