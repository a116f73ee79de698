// The account that Python wrote: arrays as views of shared buffers.

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

/** @type {Account} */
const account = JSON.parse(byId("account").textContent);

/** @param {Packed} packed */
function decode({ type, bytes, size }) {
  const packed = Uint8Array.from(atob(bytes), (character) => character.charCodeAt(0));
  const raw = size === undefined ? packed : new Inflater(packed, size).run();
  return type === "f4" ? new Float32Array(raw.buffer) : new Float64Array(raw.buffer);
}

const buffers = account.buffers.map(decode);

/** @type {Map<Stored, View>} */
const views = new Map();

/**
 * The view of a stored array, made once.
 * @param {Stored} stored
 */
function viewOf(stored) {
  const view = views.get(stored) ?? new View(buffers[stored.buffer], stored.shape, stored.strides, stored.offset);
  views.set(stored, view);
  return view;
}

const vertices = new Map(account.vertices.map((vertex) => [vertex.key, vertex]));

/** @param {string} key */
const vertexOf = (key) => /** @type {Vertex} */ (vertices.get(key));
