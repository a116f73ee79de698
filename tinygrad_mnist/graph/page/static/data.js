// The account that Python wrote: arrays as views of shared buffers, and small helpers on which every file builds.

/** @typedef {number[]} Index The place of an element, or a shape. */
/** @typedef {{buffer: number, offset: number, shape: Index, strides: Index}} Stored An array, as storage.py has it. */
/** @typedef {{form: "single", shape: Index, to: {list: Stored} | {list?: undefined, strides: Index, offset: number}, weight: Stored}} Single */
/** @typedef {{form: "sparse", from: Stored, to: Stored, weight: Stored}} Sparse */
/** @typedef {{operands: string[], result: string}} Product The letters of the axes, as in einsum. */
/** @typedef {{key: string | null, name: string, value: Stored, local: Single | Sparse | null}} Operand */
/** @typedef {{symbol: string, level: "info" | "warning", text: string}} Mark */
/** @typedef {"parameter" | "data" | "operation" | "output"} Kind */
/**
 * @typedef {{
 *   key: string, kind: Kind, name: string, caption: string, x: number, y: number, width: number, params: string,
 *   dtype: string, source: {file: string, line: number, text: string} | null, value: Stored, gradient: Stored | null,
 *   layer: string, grid: Index | null, uses: number, error: string | null, marks: Mark[], norms: string[],
 * }} Shown
 */
/** @typedef {Shown & {op: null, operands?: undefined, formula?: undefined}} Leaf */
/** @typedef {Shown & {op: string, operands: Operand[], product: Product | null, formula: string}} Computed */
/** @typedef {Leaf | Computed} Vertex */
/** @typedef {{from: string, to: string, count: number, points: [number, number][]}} Edge */
/**
 * @typedef {{
 *   to: string, position: number, raw: Stored | null, axes: number[], formula: string | null, note: string,
 *   contribution: Stored, total: Stored, number: number, sentences: string[],
 * }} Share What one use sends to one input in the backward pass.
 */
/** @typedef {{phase: "backward", node: string, sentence: string, shares: Share[], cameIn: Stored}} StepBack */
/**
 * @typedef {{phase: "given", node: null, sentence: string, shares: Share[]}
 *   | {phase: "done", node: null, sentence: string, shares: Share[]}
 *   | {phase: "forward" | "start", node: string, sentence: string, shares: Share[]}
 *   | StepBack} Step
 */
/** @typedef {{title: string, output: string, vertices: Vertex[], edges: Edge[], steps: Step[], buffers: Packed[]}} Account */
/** @typedef {{type: "f4" | "f8", bytes: string, size?: number}} Packed With a size: of what DEFLATE has made bytes of. */
/** @typedef {"value" | "gradient"} Family */
/** @typedef {Node | string | null | undefined} Child */

/** The element of the page with this id. */
const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @type {Account} */
const account = JSON.parse(byId("account").textContent);

/** @param {Packed} packed */
function decode({ type, bytes, size }) {
  const packed = Uint8Array.from(atob(bytes), (character) => character.charCodeAt(0));
  const raw = size === undefined ? packed : new Inflater(packed, size).run();
  return type === "f4" ? new Float32Array(raw.buffer) : new Float64Array(raw.buffer);
}

const buffers = account.buffers.map(decode);

class View {
  /** @type {Float64Array | undefined} */
  all;
  /** @type {number | undefined} */
  largest;

  /** @param {Stored} stored */
  constructor({ buffer, offset, shape, strides }) {
    this.numbers = buffers[buffer];
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

/** @type {Map<Stored, View>} */
const views = new Map();

/**
 * The view of a stored array, made once.
 * @param {Stored} stored
 */
function viewOf(stored) {
  const view = views.get(stored) ?? new View(stored);
  views.set(stored, view);
  return view;
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

const vertices = new Map(account.vertices.map((vertex) => [vertex.key, vertex]));

/** @param {string} key */
const vertexOf = (key) => /** @type {Vertex} */ (vertices.get(key));
