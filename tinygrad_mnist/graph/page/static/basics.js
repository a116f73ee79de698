"use strict";
// What every page builds on: elements, arrays as views of numbers, and numbers as a person writes them.

/** @typedef {number[]} Index The place of an element, or a shape. */
/** @typedef {"value" | "gradient"} Family */
/** @typedef {Node | string | null | undefined} Child */

/** The element of the page with this id. */
const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

class View {
  /** @type {Float64Array | undefined} */
  all;
  /** @type {number | undefined} */
  largest;

  /**
   * @param {ArrayLike<number>} numbers
   * @param {Index} shape
   * @param {Index} strides counted in elements
   * @param {number} offset
   */
  constructor(numbers, shape, strides, offset = 0) {
    this.numbers = numbers;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
    this.size = shape.reduce((product, length) => product * length, 1);
  }

  /** @param {Index} index */
  at(index) {
    return this.numbers[index.reduce((place, i, axis) => place + i * this.strides[axis], this.offset)];
  }

  /** @param {number} position */
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

/**
 * @param {number} position
 * @param {Index} shape
 * @returns {Index}
 */
function unravel(position, shape) {
  const index = new Array(shape.length);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index[axis] = position % shape[axis];
    position = Math.floor(position / shape[axis]);
  }
  return index;
}

/**
 * @param {Index} index
 * @param {Index} shape
 */
function ravel(index, shape) {
  return index.reduce((position, i, axis) => position * shape[axis] + i, 0);
}

/** @type {Record<string, string>} */
const superscripts = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

/**
 * A number to some significant digits, as a person writes it.
 * @param {number} x
 */
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

/** @param {Index} shape */
function dimensions(shape) {
  return shape.length ? shape.join(" × ") : "scalar";
}

/** @param {Index} shape */
function tuple(shape) {
  return `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;
}

/** @param {Index} index */
function subscript(index) {
  return index.length ? `[${index.join(", ")}]` : "";
}

/**
 * An element with properties and children; a null child is left out.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} properties
 * @param {(Child | Child[])[]} children
 */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}
