// Arrays as NumPy has them, as far as formulas of gradients need: broadcasting, products, sums along axes, indices.

class FormulaError extends Error {}

class NDArray {
  /**
   * @param {Index} shape
   * @param {Float64Array} values in row order
   * @param {boolean} mask whether it holds truths
   */
  constructor(shape, values, mask = false) {
    this.shape = shape;
    this.values = values;
    this.mask = mask;
  }

  get size() {
    return this.values.length;
  }
}

/** @typedef {{start: number | null, stop: number | null, step: number | null}} Slice */
/** @typedef {(args: Value[], options: Options) => Value} Func */
/** @typedef {NDArray | Slice | Func | null | Value[]} Value A list or tuple is an array of values; null is None. */
/** @typedef {Record<string, Value>} Options */

const scalar = (/** @type {number} */ x) => new NDArray([], Float64Array.of(x));
const sizeOf = (/** @type {Index} */ shape) => shape.reduce((product, length) => product * length, 1);

/**
 * @param {Index} shape
 * @param {(index: Index, position: number) => number} element
 */
function build(shape, element, mask = false) {
  const values = new Float64Array(sizeOf(shape));
  for (let position = 0; position < values.length; position++) values[position] = element(unravel(position, shape), position);
  return new NDArray(shape, values, mask);
}

/** @param {Value} value @returns {NDArray} */
function asArray(value) {
  if (value instanceof NDArray) return value;
  if (!Array.isArray(value)) throw new FormulaError(value === null ? "None is no array" : "a number or an array is missing here");
  const rows = value.map(asArray);
  const shape = rows.length ? rows[0].shape : [];
  if (rows.some((row) => String(row.shape) !== String(shape))) throw new FormulaError("the rows of a list differ in length");
  return new NDArray([rows.length, ...shape], Float64Array.from(rows.flatMap((row) => [...row.values])));
}

/** @param {Value} value */
function asNumber(value) {
  const array = asArray(value);
  if (array.size !== 1) throw new FormulaError(`one number is wanted here, not ${tuple(array.shape)}`);
  return array.values[0];
}

/**
 * Axes, counted from 0; all of them where none is given.
 * @param {Value | undefined} axis
 * @param {number} ndim
 * @returns {number[]}
 */
function asAxes(axis, ndim) {
  if (axis === null || axis === undefined) return Array.from({ length: ndim }, (_, i) => i);
  return (Array.isArray(axis) ? axis : [axis]).map((one) => {
    const number = asNumber(one);
    if (number < -ndim || number >= ndim) throw new FormulaError(`axis ${number} is out of bounds: there ${ndim === 1 ? "is 1 axis" : `are ${ndim} axes`}`);
    return number < 0 ? number + ndim : number;
  });
}

/**
 * @param {Value[]} args
 * @returns {Index}
 */
function asShape(args) {
  return (args.length === 1 && Array.isArray(args[0]) ? args[0] : args).map(asNumber);
}

// elements

/** @param {Index[]} shapes */
function broadcastShapes(...shapes) {
  const ndim = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: ndim }, (_, i) => {
    const lengths = shapes.map((shape) => shape[shape.length - ndim + i] ?? 1);
    const length = lengths.find((n) => n !== 1) ?? 1;
    if (lengths.some((n) => n !== 1 && n !== length)) throw new FormulaError(`the shapes ${shapes.map(tuple).join(" and ")} don't fit together`);
    return length;
  });
}

/**
 * The value of a smaller array at an index of a larger one.
 * @param {NDArray} array
 * @param {Index} index
 */
function reach({ shape, values }, index) {
  const skipped = index.length - shape.length;
  return values[shape.reduce((position, length, axis) => position * length + (length === 1 ? 0 : index[axis + skipped]), 0)];
}

/**
 * @param {(...numbers: number[]) => number | boolean} f
 * @param {Value[]} values
 */
function elementwise(f, values, mask = false) {
  const arrays = values.map(asArray);
  const shape = broadcastShapes(...arrays.map((array) => array.shape));
  return build(shape, (index) => Number(f(...arrays.map((array) => reach(array, index)))), mask);
}

// axes

/**
 * @param {NDArray} x
 * @param {number[]} order
 */
function transpose({ shape, values, mask }, order) {
  const lengths = order.map((axis) => shape[axis]);
  return build(lengths, (index) => values[ravel(shape.map((_, axis) => index[order.indexOf(axis)]), shape)], mask);
}

/** @param {NDArray} x */
const reversed = (x) => transpose(x, x.shape.map((_, axis) => x.shape.length - 1 - axis));

/**
 * @param {NDArray} x
 * @param {Index} lengths
 */
function reshape(x, lengths) {
  const known = sizeOf(lengths.filter((length) => length >= 0));
  const shape = lengths.map((length) => (length < 0 ? x.size / known : length));
  if (sizeOf(shape) !== x.size) throw new FormulaError(`${tuple(x.shape)} can't be arranged as ${tuple(lengths)}`);
  return new NDArray(shape, x.values, x.mask);
}

/**
 * What a function makes of the elements along axes.
 * @param {NDArray} x
 * @param {Options} options
 * @param {(numbers: number[]) => number} f
 */
function reduce(x, { axis, keepdims }, f) {
  const axes = asAxes(axis, x.shape.length);
  const kept = x.shape.map((length, i) => (axes.includes(i) ? 1 : length));
  /** @type {number[][]} */
  const groups = Array.from({ length: sizeOf(kept) }, () => []);
  for (let position = 0; position < x.size; position++) {
    const index = unravel(position, x.shape).map((place, i) => (axes.includes(i) ? 0 : place));
    groups[ravel(index, kept)].push(x.values[position]);
  }
  const keep = keepdims ? asNumber(keepdims) : 0;
  return new NDArray(keep ? kept : x.shape.filter((_, i) => !axes.includes(i)), Float64Array.from(groups, f));
}

const total = (/** @type {number[]} */ numbers) => numbers.reduce((sum, x) => sum + x, 0);
const largest = (/** @type {number[]} */ numbers) => numbers.reduce((most, x) => (x > most || Number.isNaN(x) ? x : most), -Infinity);

/**
 * @param {NDArray} a
 * @param {NDArray} b
 * @returns {NDArray}
 */
function matmul(a, b) {
  if (!a.shape.length || !b.shape.length) throw new FormulaError("@ takes arrays, not numbers: write *");
  if (a.shape.length === 1) return dropped(matmul(reshape(a, [1, -1]), b), -2);
  if (b.shape.length === 1) return dropped(matmul(a, reshape(b, [-1, 1])), -1);
  const [rows, inner] = a.shape.slice(-2);
  const [height, columns] = b.shape.slice(-2);
  if (inner !== height) throw new FormulaError(`the shapes ${tuple(a.shape)} and ${tuple(b.shape)} don't fit for @: ${inner} and ${height} differ`);
  const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
  return build([...batch, rows, columns], (index) => {
    const [i, j] = index.slice(-2);
    const before = index.slice(0, -2);
    let sum = 0;
    for (let k = 0; k < inner; k++) sum += reach(a, [...before, i, k]) * reach(b, [...before, k, j]);
    return sum;
  });
}

/**
 * @param {NDArray} x
 * @param {number} axis of length 1, counted from the end
 */
function dropped(x, axis) {
  return new NDArray(x.shape.toSpliced(axis, 1), x.values);
}

// indices

/** @param {Value} value @returns {value is Slice} */
const isSlice = (value) => typeof value === "object" && value !== null && "start" in value;

/**
 * @param {Slice} slice
 * @param {number} length
 */
function placesOf({ start, stop, step }, length) {
  const by = step ?? 1;
  const from = (/** @type {number | null} */ x, /** @type {number} */ end) => (x === null ? end : Math.min(Math.max(x < 0 ? x + length : x, by < 0 ? -1 : 0), by < 0 ? length - 1 : length));
  const [first, last] = [from(start, by < 0 ? length - 1 : 0), from(stop, by < 0 ? -1 : length)];
  return Array.from({ length: Math.max(Math.ceil((last - first) / by), 0) }, (_, i) => first + i * by);
}

/**
 * The positions that an index picks out of a shape, as an array of its own; lists of integers go together, as in NumPy.
 * @param {Index} shape
 * @param {Value[]} index
 */
function picked(shape, index) {
  const missing = shape.length - index.filter((one) => one !== null).length;
  if (missing < 0) throw new FormulaError(`too many indices for ${tuple(shape)}`);
  const lists = index.filter((one) => one !== null && !isSlice(one)).map(asArray);
  const together = broadcastShapes(...lists.map((list) => list.shape), []);
  const first = index.findIndex((one) => one !== null && !isSlice(one));
  /** @type {Value[]} */
  const full = [...index, ...Array.from({ length: missing }, () => ({ start: null, stop: null, step: null }))];
  /** @type {Index} */
  const lengths = [];
  /** @type {((places: Index) => number)[]} */
  const coordinates = [];
  let axis = 0;
  full.forEach((one, i) => {
    if (i === first) lengths.push(...together);
    if (one === null) lengths.push(1);
    else if (isSlice(one)) {
      const places = placesOf(one, shape[axis++]);
      const at = lengths.push(places.length) - 1;
      coordinates.push((index) => places[index[at]]);
    } else {
      const [list, length, at] = [asArray(one), shape[axis++], full.slice(0, first).filter((x) => x === null || isSlice(x)).length];
      coordinates.push((index) => {
        const place = reach(list, index.slice(at, at + together.length));
        if (!(place >= -length && place < length)) throw new FormulaError(`index ${place} is out of bounds: there are ${length}`);
        return place < 0 ? place + length : place;
      });
    }
  });
  return build(lengths, (places) => ravel(coordinates.map((coordinate) => coordinate(places)), shape));
}

// windows over images, (batch, channels, height, width)

/**
 * Every place of every window: calls back with the place in the images, and in the windows.
 * @param {Index} shape of the images
 * @param {Value[]} window kernel, stride, padding and dilation, a pair each
 * @param {(image: Index | null, window: Index, inside: Index) => void} visit image is null where there is padding
 */
function windows([batch, channels, height, width], window, visit) {
  const [[kh, kw], [sh, sw], [ph, pw], [dh, dw]] = window.map((pair) => asShape([pair]));
  const rows = Math.floor((height + 2 * ph - dh * (kh - 1) - 1) / sh) + 1;
  const columns = Math.floor((width + 2 * pw - dw * (kw - 1) - 1) / sw) + 1;
  for (let n = 0; n < batch; n++) for (let c = 0; c < channels; c++) for (let y = 0; y < rows; y++) for (let x = 0; x < columns; x++) {
    for (let i = 0; i < kh; i++) for (let j = 0; j < kw; j++) {
      const [down, across] = [y * sh + i * dh - ph, x * sw + j * dw - pw];
      const inside = down >= 0 && down < height && across >= 0 && across < width;
      visit(inside ? [n, c, down, across] : null, [n, c, y, x], [i, j]);
    }
  }
  return { rows, columns, area: kh * kw, kw };
}

/**
 * @param {Index} shape of the images
 * @param {Value[]} window
 * @param {(image: Index | null, row: Index) => void} visit with the place in the rows of patches
 */
function patched(shape, window, visit) {
  const [batch, channels] = shape;
  const { rows, columns, area, kw } = windows(shape, window, () => {});
  windows(shape, window, (image, [n, c, y, x], [i, j]) => visit(image, [(n * rows + y) * columns + x, (i * kw + j) * channels + c]));
  return [batch * rows * columns, area * channels];
}

/** @type {Record<string, Func>} */
const windowed = {
  patches: ([x, ...window]) => {
    const { shape, values } = asArray(x);
    const lengths = patched(shape, window, () => {});
    const result = new Float64Array(sizeOf(lengths));
    patched(shape, window, (image, row) => (result[ravel(row, lengths)] = image ? values[ravel(image, shape)] : 0));
    return new NDArray(lengths, result);
  },
  fold: ([rows, lengths, ...window]) => {
    const [given, shape] = [asArray(rows), asShape([lengths])];
    const result = new Float64Array(sizeOf(shape));
    patched(shape, window, (image, row) => image && (result[ravel(image, shape)] += given.values[ravel(row, given.shape)]));
    return new NDArray(shape, result);
  },
  max_pool: ([x, ...window]) => {
    const { shape, values } = asArray(x);
    const { rows, columns } = windows(shape, window, () => {});
    const lengths = [shape[0], shape[1], rows, columns];
    const result = new Float64Array(sizeOf(lengths)).fill(-Infinity);
    windows(shape, window, (image, place) => {
      const position = ravel(place, lengths);
      if (image) result[position] = Math.max(result[position], values[ravel(image, shape)]);
    });
    return new NDArray(lengths, result);
  },
  unpool: ([given, x, highest, ...window]) => {
    const [g, { shape, values }, top] = [asArray(given), asArray(x), asArray(highest)];
    const [ties, result] = [new Float64Array(top.size), new Float64Array(values.length)];
    const isTop = (/** @type {Index} */ image, /** @type {number} */ position) => values[ravel(image, shape)] === top.values[position];
    windows(shape, window, (image, place) => image && isTop(image, ravel(place, top.shape)) && (ties[ravel(place, top.shape)] += 1));
    windows(shape, window, (image, place) => {
      const position = ravel(place, top.shape);
      if (image && isTop(image, position)) result[ravel(image, shape)] += g.values[position] / ties[position];
    });
    return new NDArray(shape, result);
  },
};
