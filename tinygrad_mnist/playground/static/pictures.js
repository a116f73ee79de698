// Arrays in messages, and pictures of them that are painted again in place while the network learns.

/** @typedef {{shape: Index, dtype: "float32" | "uint8", data: string}} Stored An array, as protocol.py has it. */
/** @typedef {{canvas: HTMLCanvasElement, ends: HTMLElement, figure: HTMLElement, caption: HTMLElement}} Picture */

/** @param {string} text */
function bytesOf(text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

/** @param {Uint8Array} bytes */
function textOf(bytes) {
  let raw = "";
  for (let i = 0; i < bytes.length; i += 32768) raw += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return btoa(raw);
}

/** @param {Stored} stored @returns {Float32Array | Uint8Array} */
function numbersOf({ dtype, data }) {
  const bytes = bytesOf(data);
  return dtype === "float32" ? new Float32Array(bytes.buffer) : bytes;
}

/** @param {Stored} stored */
function viewOf(stored) {
  const strides = stored.shape.map((_, axis) => stored.shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  return new View(numbersOf(stored), stored.shape, strides);
}

const LEVELS = 255;

/**
 * The colours from −1 to 1 as pixels; the last is that of NaN and Inf.
 * @param {Family | "ink"} family
 */
function ramp(family) {
  const palette = colours(family === "ink" ? "value" : family);
  const pixel = (/** @type {number[]} */ [r, g, b]) => (255 << 24) | (b << 16) | (g << 8) | r;
  const inked = (/** @type {number} */ x) => Array(3).fill(Math.round(255 * Math.max(x, 0)));
  const one = (/** @type {number} */ x) => pixel(family === "ink" ? inked(x) : colour(x, 1, palette));
  return Int32Array.from({ length: 2 * LEVELS + 2 }, (_, i) => (i > 2 * LEVELS ? pixel(palette.odd) : one(i / LEVELS - 1)));
}

/** @type {Map<string, Int32Array>} */
const ramps = new Map();
const forgetColours = () => ramps.clear();

/** @param {Family | "ink"} family */
function rampOf(family) {
  const found = ramps.get(family) ?? ramp(family);
  ramps.set(family, found);
  return found;
}

/** An empty picture with its caption. @param {Family} family @returns {Picture} */
function picture(family) {
  const [canvas, ends, caption] = [make("canvas", { role: "img" }), make("div", { class: "scale", "aria-hidden": "true" }), make("figcaption")];
  return { canvas, ends, caption, figure: make("figure", { class: `card ${family}` }, caption, canvas, ends) };
}

/**
 * Paint numbers into a picture, as images where they are.
 * @param {Picture} picture
 * @param {string} name
 * @param {string} facts
 * @param {Stored} stored
 * @param {{family?: Family | "ink", width?: number}} options
 */
function paintInto({ canvas, ends, caption }, name, facts, stored, { family = "value", width = 300 } = {}) {
  const view = viewOf(stored);
  const { numbers } = view;
  let extent = 0;
  for (let i = 0; i < numbers.length; i++) if (Number.isFinite(numbers[i])) extent = Math.max(extent, Math.abs(numbers[i]));
  caption.replaceChildren(make("b", {}, name), " ", make("span", {}, facts));
  paintImage(canvas, numbers, planOf(stored.shape), family === "ink" ? 255 : extent, family, width);
  canvas.setAttribute("aria-label", `${name} ${facts}: largest ${format(extent, 3)}`);
  if (family !== "ink") ends.replaceChildren(...[`−${format(extent, 3)}`, "0", format(extent, 3)].map((text) => make("span", {}, text)));
  ends.style.width = canvas.style.width;
}

/** A long row of units in several lines. @param {Index} shape */
function planOf(shape) {
  if (shape.length === 1 && shape[0] !== SIDE * SIDE) {
    const columns = shape[0] <= 16 ? shape[0] : Math.ceil(shape[0] / Math.ceil(shape[0] / 32));
    return rowsOf(shape[0], columns);
  }
  return arrange(shape);
}

/** @param {number} count @param {number} columns @returns {{width: number, height: number, elements: Int32Array}} */
function rowsOf(count, columns) {
  const height = Math.ceil(count / columns);
  return { width: columns, height, elements: Int32Array.from({ length: columns * height }, (_, i) => (i < count ? i : -1)) };
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {ArrayLike<number>} numbers
 * @param {{width: number, height: number, elements: Int32Array}} plan
 * @param {number} extent
 * @param {Family | "ink"} family
 * @param {number} room the widest it may be, in pixels
 */
function paintImage(canvas, numbers, { width, height, elements }, extent, family, room) {
  const image = new ImageData(width, height);
  const pixels = new Int32Array(image.data.buffer);
  const colours = rampOf(family);
  for (let place = 0; place < elements.length; place++) {
    const x = elements[place] < 0 ? undefined : numbers[elements[place]];
    if (x === undefined) continue;
    const share = extent ? Math.max(-1, Math.min(1, x / extent)) : 0;
    pixels[place] = Number.isFinite(x) ? colours[Math.round((share + 1) * LEVELS)] : colours[2 * LEVELS + 1];
  }
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  pen(canvas).putImageData(image, 0, 0);
  const cell = Math.min(18, room / width);
  canvas.style.width = `${width * (cell < 2 ? cell : Math.floor(cell))}px`;
}

/**
 * A digit with words beneath.
 * @param {Stored} stored
 * @param {string} words
 */
function digitFigure(stored, words) {
  const canvas = make("canvas", { role: "img", "aria-label": words });
  paintImage(canvas, numbersOf(stored), arrange(stored.shape), 255, "ink", 2 * SIDE);
  return make("figure", {}, canvas, make("figcaption", {}, words));
}
