// Formulas in NumPy's syntax, read and computed: names, numbers, operators, functions, methods and indices. Nothing else runs.

/** @type {Record<string, (a: number, b: number) => number | boolean>} */
const operators = {
  "+": (a, b) => a + b, "-": (a, b) => a - b, "*": (a, b) => a * b, "/": (a, b) => a / b, "**": (a, b) => a ** b,
  "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b,
  "==": (a, b) => a === b, "!=": (a, b) => a !== b, "&": (a, b) => Boolean(a && b),
};
const comparisons = ["<", "<=", ">", ">=", "==", "!="];

/** @param {(...numbers: number[]) => number | boolean} f @returns {Func} */
const ofElements = (f, mask = false) => (args) => elementwise(f, args, mask);

/**
 * A function that takes an axis, given by position or by name.
 * @param {(x: NDArray, options: Options) => NDArray} f
 * @param {Options} defaults
 * @returns {Func}
 */
const alongAxis = (f, defaults = {}) => ([x, axis, keepdims], options) =>
  f(asArray(x), { ...defaults, ...(axis === undefined ? {} : { axis }), ...(keepdims === undefined ? {} : { keepdims }), ...options });

/** @param {number} start @returns {Func} */
const filled = (start) => ([shape], options) => build(asShape([shape ?? options.shape]), () => start);

/** z less the largest of each slice. @param {NDArray} z @param {Options} options */
const shifted = (z, { axis }) => elementwise(operators["-"], [z, reduce(z, { axis, keepdims: scalar(1) }, largest)]);

/** @param {NDArray} z @param {Options} options */
function softmax(z, options) {
  const e = elementwise(Math.exp, [shifted(z, options)]);
  return elementwise(operators["/"], [e, reduce(e, { axis: options.axis, keepdims: scalar(1) }, total)]);
}

/** @param {NDArray} z @param {Options} options */
function logSoftmax(z, options) {
  const less = shifted(z, options);
  const sums = reduce(elementwise(Math.exp, [less]), { axis: options.axis, keepdims: scalar(1) }, total);
  return elementwise((a, b) => a - Math.log(b), [less, sums]);
}

/** The error function by its series of terms of one sign (Abramowitz and Stegun 1964, 7.1.6). @param {number} x */
function erf(x) {
  let [term, sum] = [x, x];
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) sum += term *= (2 * x * x) / (2 * n + 1);
  return Math.abs(x) > 6 ? Math.sign(x) : (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

const last = { axis: scalar(-1) };

/** By the names that NumPy and the helpers of the source give them; the first argument of each may be what a dot follows. */
/** @type {Record<string, Func>} */
const functions = {
  ...windowed,
  exp: ofElements(Math.exp), log: ofElements(Math.log), log1p: ofElements(Math.log1p), expm1: ofElements(Math.expm1),
  tanh: ofElements(Math.tanh), erf: ofElements(erf), sqrt: ofElements(Math.sqrt), square: ofElements((x) => x * x), abs: ofElements(Math.abs),
  sin: ofElements(Math.sin), cos: ofElements(Math.cos), sign: ofElements(Math.sign), sigmoid: ofElements((x) => 1 / (1 + Math.exp(-x))),
  maximum: ofElements(Math.max), minimum: ofElements(Math.min), where: ofElements((condition, a, b) => (condition ? a : b)),
  logaddexp: ofElements((a, b) => Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b)))), clip: ofElements((x, low, high) => Math.min(Math.max(x, low), high)),
  add: ofElements(operators["+"]), subtract: ofElements(operators["-"]), multiply: ofElements(operators["*"]), divide: ofElements(operators["/"]),
  power: ofElements(operators["**"]), negative: ofElements((x) => -x), greater: ofElements(operators[">"], true), less: ofElements(operators["<"], true),
  logical_and: ofElements((a, b) => Boolean(a && b), true), float: ofElements((x) => x), bool: ofElements((x) => x !== 0, true), int: ofElements(Math.trunc), array: ofElements((x) => x),
  float64: ofElements((x) => x), float32: ofElements((x) => x), astype: ([x]) => asArray(x), copy: ([x]) => asArray(x), asarray: ([x]) => asArray(x),
  sum: alongAxis((x, options) => reduce(x, options, total)), mean: alongAxis((x, options) => reduce(x, options, (group) => total(group) / group.length)),
  max: alongAxis((x, options) => reduce(x, options, largest)), min: alongAxis((x, options) => reduce(x, options, (group) => -largest(group.map((one) => -one)))),
  prod: alongAxis((x, options) => reduce(x, options, (group) => group.reduce((product, one) => product * one, 1))),
  softmax: alongAxis(softmax, last), log_softmax: alongAxis(logSoftmax, last),
  logsumexp: alongAxis((x, options) => {
    const top = reduce(x, { axis: options.axis, keepdims: scalar(1) }, largest);
    const sums = reduce(elementwise((a, b) => Math.exp(a - b), [x, top]), options, total);
    return elementwise((sum, most) => Math.log(sum) + most, [sums, reshape(top, sums.shape)]);
  }),
  dot: ([a, b]) => product(asArray(a), asArray(b)), matmul: ([a, b]) => matmul(asArray(a), asArray(b)),
  vdot: ([a, b]) => scalar(total([...elementwise(operators["*"], [reshape(asArray(a), [-1]), reshape(asArray(b), [-1])]).values])),
  outer: ([a, b]) => elementwise(operators["*"], [reshape(asArray(a), [-1, 1]), reshape(asArray(b), [1, -1])]),
  transpose: ([x, ...axes], options) => {
    const array = asArray(x);
    const given = options.axes ?? (axes.length > 1 ? axes : axes[0]);
    return given === undefined || given === null ? reversed(array) : transpose(array, asAxes(given, array.shape.length));
  },
  swapaxes: ([x, a, b]) => {
    const array = asArray(x);
    const [one, other] = asAxes([a, b], array.shape.length);
    return transpose(array, array.shape.map((_, axis) => (axis === one ? other : axis === other ? one : axis)));
  },
  reshape: ([x, ...shape]) => reshape(asArray(x), asShape(shape)), ravel: ([x]) => reshape(asArray(x), [-1]),
  squeeze: ([x, axis]) => squeezed(asArray(x), axis), expand_dims: ([x, axis], options) => expanded(asArray(x), axis ?? options.axis),
  broadcast_to: ([x, shape]) => elementwise((a) => a, [asArray(x), build(asShape([shape]), () => 0)]),
  ones: filled(1), zeros: filled(0), full: ([shape, x]) => build(asShape([shape]), () => asNumber(x)),
  ones_like: ([x]) => build(asArray(x).shape, () => 1), zeros_like: ([x]) => build(asArray(x).shape, () => 0),
  eye: ([n]) => build([asNumber(n), asNumber(n)], ([i, j]) => Number(i === j)), arange: ([n]) => build([asNumber(n)], ([i]) => i),
  len: ([x]) => scalar(Array.isArray(x) ? x.length : asArray(x).shape[0]),
  scatter_add: ([x, index, shape]) => {
    const [array, lengths] = [asArray(x), asShape([shape])];
    const places = picked(lengths, Array.isArray(index) ? index : [index]);
    const result = new Float64Array(sizeOf(lengths));
    [...places.values].forEach((place, i) => (result[place] += reach(array, unravel(i, places.shape))));
    return new NDArray(lengths, result);
  },
};

/** What dot and matmul do with numbers and arrays. @param {NDArray} a @param {NDArray} b */
const product = (a, b) => (a.shape.length && b.shape.length ? matmul(a, b) : elementwise(operators["*"], [a, b]));

/** @param {NDArray} x @param {Value | undefined} axis */
function squeezed(x, axis) {
  const axes = axis === undefined ? x.shape.map((_, i) => i).filter((i) => x.shape[i] === 1) : asAxes(axis, x.shape.length);
  return reshape(x, x.shape.filter((_, i) => !axes.includes(i)));
}

/** @param {NDArray} x @param {Value} axis */
function expanded(x, axis) {
  const [place] = asAxes(axis, x.shape.length + 1);
  return reshape(x, x.shape.toSpliced(place, 0, 1));
}

/** The methods that an array has: those functions that it may stand before. */
const methods = new Set([
  "sum", "mean", "max", "min", "prod", "dot", "transpose", "swapaxes", "reshape", "ravel", "squeeze", "astype", "copy", "clip",
]);

const tokens = /\s*(?:(\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?)|([\p{L}_][\p{L}\p{N}_]*)|(\*\*|[<>=!]=|[-+*/@<>&()[\],.:=]))/iuy;

/**
 * The value of a formula. lookup: the value of a name; undefined where there is none.
 * @param {string} text
 * @param {(name: string) => NDArray | undefined} lookup
 * @returns {NDArray}
 */
function evaluate(text, lookup) {
  return asArray(new Formula(text, lookup).whole());
}

/** Reads a formula from left to right, and computes it as it goes: each method takes what binds tighter than it. */
class Formula {
  /**
   * @param {string} text
   * @param {(name: string) => NDArray | undefined} lookup
   */
  constructor(text, lookup) {
    this.lookup = lookup;
    /** @type {{kind: "number" | "name" | "sign" | "end", text: string}[]} */
    this.tokens = [];
    this.place = 0;
    tokens.lastIndex = 0;
    const source = text.trimEnd();
    for (let at = 0; at < source.length; at = tokens.lastIndex) {
      const found = tokens.exec(source);
      if (!found) throw new FormulaError(`"${source.slice(at).trim()[0]}" is not understood here`);
      const [, number, name, sign] = found;
      this.tokens.push({ kind: number ? "number" : name ? "name" : "sign", text: number ?? name ?? sign });
    }
    this.tokens.push({ kind: "end", text: "" });
  }

  get next() {
    return this.tokens[this.place];
  }

  /** Step over the next token if it is one of these signs. @param {string[]} signs */
  take(...signs) {
    if (this.next.kind !== "sign" || !signs.includes(this.next.text)) return "";
    return this.tokens[this.place++].text;
  }

  /** @param {string} sign */
  need(sign) {
    if (!this.take(sign)) throw new FormulaError(this.next.kind === "end" ? `"${sign}" is missing at the end` : `"${sign}" is wanted before "${this.next.text}"`);
  }

  whole() {
    const value = this.comparison();
    if (this.next.kind === "end") return value;
    throw new FormulaError(this.next.text === "=" ? "write what stands to the right of = alone" : `an operator is missing before "${this.next.text}"`);
  }

  /** @returns {Value} */
  comparison() {
    const left = this.both();
    const sign = this.take(...comparisons);
    return sign ? elementwise(operators[sign], [left, this.both()], true) : left;
  }

  /** @returns {Value} */
  both() {
    let value = this.sum();
    while (this.take("&")) value = elementwise(operators["&"], [value, this.sum()], true);
    return value;
  }

  /** @returns {Value} */
  sum() {
    let value = this.product();
    for (let sign = this.take("+", "-"); sign; sign = this.take("+", "-")) value = elementwise(operators[sign], [value, this.product()]);
    return value;
  }

  /** @returns {Value} */
  product() {
    let value = this.signed();
    for (let sign = this.take("*", "/", "@"); sign; sign = this.take("*", "/", "@")) {
      const right = this.signed();
      value = sign === "@" ? matmul(asArray(value), asArray(right)) : elementwise(operators[sign], [value, right]);
    }
    return value;
  }

  /** @returns {Value} */
  signed() {
    if (this.take("-")) return elementwise((x) => -x, [this.signed()]);
    return this.take("+") ? this.signed() : this.power();
  }

  /** @returns {Value} */
  power() {
    const base = this.dotted();
    return this.take("**") ? elementwise(operators["**"], [base, this.signed()]) : base;
  }

  /** @returns {Value} */
  dotted() {
    let value = this.atom();
    for (let sign = this.take(".", "[", "("); sign; sign = this.take(".", "[", "(")) {
      if (sign === ".") value = this.attribute(value);
      else if (sign === "[") value = this.element(value);
      else if (typeof value === "function") value = this.call(value, []);
      else throw new FormulaError("a number or an array can't be called: * is missing before (");
    }
    return value;
  }

  name() {
    if (this.next.kind !== "name") throw new FormulaError("a name is missing after the dot");
    return this.tokens[this.place++].text;
  }

  /** @param {Value} value @returns {Value} */
  attribute(value) {
    const name = this.name();
    if (name === "T") return reversed(asArray(value));
    if (name === "mT") return functions.swapaxes([value, scalar(-1), scalar(-2)], {});
    if (name === "shape") return asArray(value).shape.map(scalar);
    if (name === "size") return scalar(asArray(value).size);
    if (name === "ndim") return scalar(asArray(value).shape.length);
    if (!methods.has(name)) throw new FormulaError(`arrays have no .${name} here`);
    this.need("(");
    return this.call(functions[name], [value]);
  }

  /** @param {Func} f @param {Value[]} args @returns {Value} */
  call(f, args) {
    /** @type {Options} */
    const options = {};
    while (!this.take(")")) {
      const option = this.next.kind === "name" && this.tokens[this.place + 1].text === "=";
      if (option) {
        const name = this.name();
        this.need("=");
        options[name] = this.comparison();
      } else args.push(this.comparison());
      if (this.next.text !== ")") this.need(",");
    }
    return f(args, options);
  }

  /** @param {Value} value @returns {Value} */
  element(value) {
    const index = this.indices();
    if (Array.isArray(value)) return value.at(asNumber(index[0])) ?? null;
    const array = asArray(value);
    const [mask] = index;
    if (mask instanceof NDArray && mask.mask) throw new FormulaError("masks don't pick here: multiply by the mask, or use np.where");
    const places = picked(array.shape, index);
    return new NDArray(places.shape, Float64Array.from(places.values, (place) => array.values[place]), array.mask);
  }

  /** What stands between [ and ]. @returns {Value[]} */
  indices() {
    /** @type {Value[]} */
    const index = [];
    while (!this.take("]")) {
      index.push(this.slice());
      if (this.next.text !== "]") this.need(",");
    }
    return index;
  }

  /** @returns {Value} */
  slice() {
    const bound = () => ([":", ",", "]"].includes(this.next.text) ? null : this.comparison());
    const start = bound();
    if (!this.take(":")) return start;
    const [stop, step] = [bound(), this.take(":") ? bound() : null];
    const number = (/** @type {Value} */ x) => (x === null ? null : asNumber(x));
    return { start: number(start), stop: number(stop), step: number(step) };
  }

  /** @returns {Value} */
  atom() {
    const { kind, text } = this.next;
    if (kind === "end") throw new FormulaError("something is missing at the end");
    this.place++;
    if (kind === "number") return scalar(Number(text));
    if (kind === "name") return this.named(text);
    if (text === "(") return this.list(")");
    if (text === "[") return this.list("]");
    throw new FormulaError(`a value is missing before "${text}"`);
  }

  /** A list or a tuple; what stands in brackets alone is itself. @param {")" | "]"} end @returns {Value} */
  list(end) {
    /** @type {Value[]} */
    const values = [];
    let commas = 0;
    while (!this.take(end)) {
      values.push(this.comparison());
      if (this.next.text !== end) {
        this.need(",");
        commas++;
      }
    }
    return end === ")" && values.length === 1 && !commas ? values[0] : values;
  }

  /** @param {string} name @returns {Value} */
  named(name) {
    if (name === "np") {
      this.need(".");
      return this.ofNumPy(this.name());
    }
    if (name === "None") return null;
    if (name === "True" || name === "False") return scalar(Number(name === "True"));
    const value = this.lookup(name) ?? (Object.hasOwn(functions, name) ? functions[name] : undefined);
    if (value === undefined) throw new FormulaError(`no value is called ${name} here`);
    return value;
  }

  /** @param {string} name @returns {Value} */
  ofNumPy(name) {
    if (name === "newaxis") return null;
    if (name === "s_") {
      this.need("[");
      return this.indices();
    }
    if (name === "add" && this.take(".")) throw new FormulaError("np.add.at writes into an array: scatter_add(x, np.s_[index], shape) gives a new one");
    if (!Object.hasOwn(functions, name)) throw new FormulaError(`this page has no np.${name}`);
    return functions[name];
  }
}
