"use strict";
// The account that Python wrote: arrays as views of shared buffers, and small helpers on which every file builds.

const account = JSON.parse(document.getElementById("account").textContent);

function decode({ type, bytes }) {
  const raw = Uint8Array.from(atob(bytes), (character) => character.charCodeAt(0));
  return type === "f4" ? new Float32Array(raw.buffer) : new Float64Array(raw.buffer);
}

const buffers = account.buffers.map(decode);

class View {
  constructor({ buffer, offset, shape, strides }) {
    Object.assign(this, { numbers: buffers[buffer], offset, shape, strides });
    this.size = shape.reduce((product, length) => product * length, 1);
  }

  at(index) {
    return this.numbers[index.reduce((place, i, axis) => place + i * this.strides[axis], this.offset)];
  }

  flat(position) {
    return this.at(unravel(position, this.shape));
  }

  /** All elements in row order. */
  get values() {
    this.all ??= Float64Array.from({ length: this.size }, (_, position) => this.flat(position));
    return this.all;
  }

  /** The largest size of a finite element. */
  get extent() {
    this.largest ??= this.values.reduce((most, x) => (Number.isFinite(x) ? Math.max(most, Math.abs(x)) : most), 0);
    return this.largest;
  }
}

const views = new Map();

/** The view of a stored array, made once. */
function viewOf(stored) {
  if (!views.has(stored)) views.set(stored, new View(stored));
  return views.get(stored);
}

function unravel(position, shape) {
  const index = new Array(shape.length);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index[axis] = position % shape[axis];
    position = Math.floor(position / shape[axis]);
  }
  return index;
}

function ravel(index, shape) {
  return index.reduce((position, i, axis) => position * shape[axis] + i, 0);
}

const superscripts = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

/** A number to some significant digits, as a person writes it. */
function format(x, digits = 4) {
  if (Number.isNaN(x)) return "NaN";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  if (x === 0) return "0";
  const size = Math.abs(x);
  const text = size >= 1e5 || size < 1e-3 ? size.toExponential(Math.max(digits - 2, 0)) : String(Number(size.toPrecision(digits)));
  const [mantissa, exponent] = text.split("e");
  const power = exponent ? "×10" + [...String(Number(exponent))].map((c) => superscripts[c]).join("") : "";
  return (x < 0 ? "−" : "") + mantissa + power;
}

function dimensions(shape) {
  return shape.length ? shape.join(" × ") : "scalar";
}

function tuple(shape) {
  return `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;
}

function subscript(index) {
  return index.length ? `[${index.join(", ")}]` : "";
}

/** An element with properties and children; a null child is left out. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

const vertices = new Map(account.vertices.map((vertex) => [vertex.key, vertex]));
