// The sum behind one element, term by term: of a value in the forward pass, of a gradient in the backward pass.

/** @typedef {{text: string, value: number}} Factor */
/** @typedef {{factors: Factor[], value: number}} Term */
/** @typedef {{name: string, letters: string, stored: Stored}} Lettered A named array, with a letter for each axis. */
/** @typedef {Record<string, number>} ByLetter */
/** @typedef {{text: string, terms?: undefined} | {terms: Term[], text?: undefined, after?: string}} Computation */
/** @typedef {Factor & {weight: number}} Weighted An element, and the local slope from it to the result. */

/**
 * A factor of a term: an element of a named array.
 * @param {string} name
 * @param {Stored} stored
 * @param {Index} index
 * @returns {Factor}
 */
function factor(name, stored, index) {
  return { text: `${name}${subscript(index)}`, value: viewOf(stored).at(index) };
}

/**
 * @param {Factor[]} factors
 * @returns {Term}
 */
function term(factors) {
  return { factors, value: factors.reduce((product, { value }) => product * value, 1) };
}

const sumOf = (/** @type {Term[]} */ terms) => terms.reduce((sum, { value }) => sum + value, 0);

/**
 * Every assignment of the free letters, as an object from letters to numbers.
 * @param {string[]} free
 * @param {ByLetter} sizes
 * @param {ByLetter} fixed
 * @returns {Generator<ByLetter, void>}
 */
function* assignments(free, sizes, fixed) {
  if (!free.length) return yield fixed;
  const [letter, ...rest] = free;
  for (let i = 0; i < sizes[letter]; i++) yield* assignments(rest, sizes, { ...fixed, [letter]: i });
}

/** @param {Lettered[]} factors */
function letterSizes(factors) {
  /** @type {ByLetter} */
  const sizes = {};
  for (const { letters, stored } of factors) {
    [...letters].forEach((letter, axis) => { sizes[letter] = Math.max(sizes[letter] ?? 1, stored.shape[axis]); });
  }
  return sizes;
}

/**
 * The letters that an index pins down; null where a letter stands twice with two values: no term leads there.
 * @param {string} letters
 * @param {Index} shape
 * @param {Index} index
 * @param {ByLetter} sizes
 */
function pinned(letters, shape, index, sizes) {
  /** @type {ByLetter} */
  const fixed = {};
  for (const [axis, letter] of [...letters].entries()) {
    if (shape[axis] === 1 && sizes[letter] > 1) continue;
    if (letter in fixed && fixed[letter] !== index[axis]) return null;
    fixed[letter] = index[axis];
  }
  return fixed;
}

/**
 * @param {Lettered[]} factors
 * @param {ByLetter | null} fixed
 * @param {ByLetter} sizes
 */
function productTerms(factors, fixed, sizes) {
  if (!fixed) return [];
  const free = Object.keys(sizes).filter((letter) => !(letter in fixed));
  return Array.from(assignments(free, sizes, fixed), (at) => term(factors.map(({ name, letters, stored }) =>
    factor(name, stored, [...letters].map((letter, axis) => (stored.shape[axis] === 1 ? 0 : at[letter]))))));
}

/**
 * @param {Operand[]} operands
 * @param {Product} product
 * @returns {Lettered[]}
 */
function operandFactors(operands, product) {
  return operands.map(({ name, value }, i) => ({ name, letters: product.operands[i], stored: value }));
}

/**
 * Where an element of the broadcast shape comes from.
 * @param {Index} index
 * @param {Index} shape
 * @returns {Index}
 */
function unbroadcast(index, shape) {
  const added = index.length - shape.length;
  return shape.map((length, axis) => (length === 1 ? 0 : index[axis + added]));
}

/**
 * @param {Index} index
 * @param {Index} shape
 * @param {Index} broadcast
 */
function* copies(index, shape, broadcast) {
  const added = broadcast.length - shape.length;
  /** @type {ByLetter} */
  const sizes = {};
  /** @type {ByLetter} */
  const fixed = {};
  broadcast.forEach((length, axis) => {
    sizes[axis] = length;
    if (axis >= added && !(shape[axis - added] === 1 && length > 1)) fixed[axis] = index[axis - added];
  });
  for (const at of assignments(Object.keys(sizes).filter((axis) => !(axis in fixed)), sizes, fixed)) {
    yield broadcast.map((_, axis) => at[axis]);
  }
}

/**
 * The element of the result that an element of the broadcast input feeds; -1 for none.
 * @param {Single} local
 * @param {Index} index
 */
function fedBy({ to }, index) {
  if (to.list) return viewOf(to.list).at(index);
  return index.reduce((place, i, axis) => place + i * to.strides[axis], to.offset);
}

/**
 * The contribution of one use: Σ over the result's elements j of ∂L/∂out_j · ∂out_j/∂in_i; null where it isn't known.
 * @param {Computed} vertex
 * @param {number} position
 * @param {Stored} cameIn
 * @param {string} gradientName
 * @param {Index} index
 */
function backwardTerms(vertex, position, cameIn, gradientName, index) {
  const { operands, product } = vertex;
  if (product) return productBackward(operandFactors(operands, product), product.result, position, cameIn, gradientName, index);
  const { local, value } = operands[position];
  if (!local) return null;
  const weigh = (/** @type {number} */ j, /** @type {number} */ weight) => term([factor(gradientName, cameIn, unravel(j, cameIn.shape)), ...slope(weight)]);
  if (local.form === "sparse") {
    const i = ravel(index, value.shape);
    return sparseEntries(local, "from", i).map(({ to, weight }) => weigh(to, weight));
  }
  const weights = viewOf(local.weight);
  return Array.from(copies(index, value.shape, local.shape), (place) => ({ to: fedBy(local, place), weight: weights.at(place) }))
    .filter(({ to }) => to >= 0)
    .map(({ to, weight }) => weigh(to, weight));
}

/**
 * @param {Lettered[]} factors
 * @param {string} result
 * @param {number} position
 * @param {Stored} cameIn
 * @param {string} gradientName
 * @param {Index} index
 */
function productBackward(factors, result, position, cameIn, gradientName, index) {
  const { letters, stored } = factors[position];
  const sizes = letterSizes(factors);
  factors[position] = { name: gradientName, letters: result, stored: cameIn };
  factors.unshift(...factors.splice(position, 1));
  return productTerms(factors, pinned(letters, stored.shape, index, sizes), sizes);
}

/**
 * A local slope as a factor; a slope of 1 is not written.
 * @param {number} weight
 * @returns {Factor[]}
 */
function slope(weight) {
  return weight === 1 ? [] : [{ text: "slope", value: weight }];
}

/**
 * @param {Sparse} local
 * @param {"from" | "to"} end
 * @param {number} position
 */
function sparseEntries(local, end, position) {
  const [from, to, weight] = [local.from, local.to, local.weight].map((part) => viewOf(part).values);
  const ends = end === "from" ? from : to;
  return Array.from(ends.keys()).filter((k) => ends[k] === position)
    .map((k) => ({ from: from[k], to: to[k], weight: weight[k] }));
}

/** @type {Record<string, string>} */
const infix = { add: "+", sub: "−", mul: "×", div: "÷", pow: "^" };

/**
 * How an element of the result was computed: { terms } of a sum, or the { text } of one step.
 * @param {Computed} vertex
 * @param {Index} index
 * @returns {Computation}
 */
function forwardTerms(vertex, index) {
  if (vertex.product) {
    const factors = operandFactors(vertex.operands, vertex.product);
    const sizes = letterSizes(factors);
    return { terms: productTerms(factors, pinned(vertex.product.result, vertex.value.shape, index, sizes), sizes) };
  }
  const sources = vertex.operands.map((operand) => elementsBehind(operand, index, vertex.value.shape));
  const out = viewOf(vertex.value).at(index);
  if (vertex.op === "log_softmax") return logSoftmax(vertex, sources[0], index);
  if (sources.every((elements) => elements.length <= 1)) return { text: oneStep(vertex, sources.flat(), out) };
  const terms = sources.flat().map(({ text, value, weight }) => term([{ text, value }, ...slope(weight)]));
  const linear = Math.abs(sumOf(terms) - out) <= 1e-4 * Math.max(Math.abs(out), 1e-6);
  return linear ? { terms } : { text: oneStep(vertex, sources.flat(), out) };
}

/**
 * The elements of an operand that an element of the result depends on.
 * @param {Operand} operand
 * @param {Index} index
 * @param {Index} shape
 * @returns {Weighted[]}
 */
function elementsBehind({ name, value, local }, index, shape) {
  const view = viewOf(value);
  const at = (/** @type {Index} */ place, /** @type {number} */ weight) => ({ ...factor(name, value, place), weight });
  if (!local) return fits(value.shape, shape) ? [at(unbroadcast(index, value.shape), 1)] : [];
  const j = ravel(index, shape);
  if (local.form === "sparse") {
    return sparseEntries(local, "to", j).map(({ from, weight }) => at(unravel(from, view.shape), weight));
  }
  const weights = viewOf(local.weight);
  return Array.from({ length: weights.size }, (_, k) => unravel(k, local.shape))
    .filter((place) => fedBy(local, place) === j)
    .map((place) => at(unbroadcast(place, view.shape), weights.at(place)));
}

/**
 * @param {Index} shape
 * @param {Index} target
 */
function fits(shape, target) {
  const added = target.length - shape.length;
  return added >= 0 && shape.every((length, axis) => length === 1 || length === target[axis + added]);
}

/**
 * @param {Computed} vertex
 * @param {Weighted[]} sources
 * @param {number} out
 */
function oneStep({ op, params }, sources, out) {
  const shown = sources.slice(0, 12);
  const more = sources.length > shown.length ? ["…"] : [];
  const texts = [...shown.map(({ text }) => text), ...more];
  const values = [...shown.map(({ value }) => bracket(format(value))), ...more];
  const write = (/** @type {string[]} */ parts) => infix[op] && parts.length === 2 ? parts.join(` ${infix[op]} `) : `${op}(${parts.join(", ")})`;
  const named = sources.some(({ text }, i) => text !== values[i]);
  return `${write(texts)}${params ? ` with ${params}` : ""}${named ? ` = ${write(values)}` : ""} = ${format(out, 6)}`;
}

/** @param {string} text */
function bracket(text) {
  return text.startsWith("−") ? `(${text})` : text;
}

/**
 * @param {Computed} vertex
 * @param {Weighted[]} sources
 * @param {Index} index
 */
function logSoftmax(vertex, sources, index) {
  const row = sources.map(({ text, value }) => ({ factors: [{ text: `exp(${text})`, value: Math.exp(value) }], value: Math.exp(value) }));
  const operand = vertex.operands[0];
  const own = viewOf(operand.value).at(index);
  const rest = `${operand.name}${subscript(index)} − log Σ = ${format(own)} − ${bracket(format(Math.log(sumOf(row))))}`;
  return { terms: row, after: `${rest} = ${format(own - Math.log(sumOf(row)), 6)}` };
}
