// Pictures of arrays: a heat map that diverges around zero, with its scale; rows of 784 pixels become 28 × 28 images.

const SIDE = 28;
const MOST_TILES = 256;

/** @typedef {{width: number, height: number, elements: Int32Array, pixels: Map<number, number>, hidden: number}} Plan */
/** @typedef {{across: number, down: number, numbers: boolean}} Cell */
/** @typedef {{less: number[], zero: number[], more: number[], odd: number[]}} Palette Colours as red, green and blue. */
/** @typedef {(index: Index) => void} OnSelect */
/**
 * @typedef {{
 *   view: View, family: Family, name: string, plan: Plan, cell: Cell, canvas: HTMLCanvasElement,
 *   readout: HTMLOutputElement, selected: Index | null,
 * }} HeatMap
 */

/**
 * Which element stands at which pixel: tiles of rows × columns, laid out in a grid with gaps between them.
 * @param {Index} shape
 * @param {Index | null} grid Of an array whose rows are pixels: images, their rows and columns; a tile for each map.
 */
function arrange(shape, grid = null) {
  const size = shape.reduce((a, b) => a * b, 1);
  const last = shape.at(-1) ?? 1;
  if (grid) {
    const [images, down, across] = grid;
    const area = down * across;
    return tiles(images * last, down, across, (tile, pixel) => (Math.floor(tile / last) * area + pixel) * last + (tile % last));
  }
  if (last === SIDE * SIDE) return tiles(size / last, SIDE, SIDE, (tile, pixel) => tile * last + pixel);
  if (shape.length === 2 && shape[0] === SIDE * SIDE) {
    return tiles(last, SIDE, SIDE, (tile, pixel) => pixel * last + tile);
  }
  const rows = shape.at(-2) ?? 1;
  const page = rows * last;
  return tiles(page ? size / page : 0, rows, last, (tile, pixel) => tile * page + pixel);
}

/**
 * @param {number} count
 * @param {number} rows
 * @param {number} columns
 * @param {(tile: number, pixel: number) => number} elementAt
 * @returns {Plan}
 */
function tiles(count, rows, columns, elementAt) {
  const shown = Math.min(count, MOST_TILES);
  const across = shown > 1 ? Math.min(shown, Math.max(1, Math.round(Math.sqrt((shown * 2 * rows) / columns)))) : 1;
  const down = Math.ceil(shown / across);
  const gap = shown > 1 ? 1 : 0;
  const width = across * (columns + gap) - gap;
  const height = down * (rows + gap) - gap;
  const elements = new Int32Array(Math.max(width * height, 0)).fill(-1);
  const pixels = new Map();
  for (let tile = 0; tile < shown; tile++) {
    const top = Math.floor(tile / across) * (rows + gap);
    const left = (tile % across) * (columns + gap);
    for (let pixel = 0; pixel < rows * columns; pixel++) {
      const place = (top + Math.floor(pixel / columns)) * width + left + (pixel % columns);
      elements[place] = elementAt(tile, pixel);
      pixels.set(elements[place], place);
    }
  }
  return { width, height, elements, pixels, hidden: count - shown };
}

/**
 * @param {Family} family
 * @returns {Palette}
 */
function colours(family) {
  const style = getComputedStyle(document.documentElement);
  const read = (/** @type {string} */ name) => (style.getPropertyValue(name).match(/\w\w/g) ?? []).map((pair) => parseInt(pair, 16));
  return { less: read(`--${family}-less`), zero: read("--zero"), more: read(`--${family}-more`), odd: read("--odd") };
}

/**
 * The colour of a number between −extent and extent; NaN and Inf have a colour of their own.
 * @param {number} x
 * @param {number} extent
 * @param {Palette} palette
 */
function colour(x, extent, palette) {
  if (!Number.isFinite(x)) return palette.odd;
  const end = x < 0 ? palette.less : palette.more;
  const share = extent ? Math.sqrt(Math.min(Math.abs(x) / extent, 1)) : 0;
  return palette.zero.map((channel, i) => Math.round(channel + (end[i] - channel) * share));
}

/**
 * The size of a cell in pixels: with room for its number where there are few, else square unless that is too flat.
 * @param {Plan} plan
 * @param {number} room
 * @returns {Cell}
 */
function cellSize({ width, height }, room) {
  if (fewCells({ width, height })) return { across: Math.min(room / width, 64), down: 22, numbers: true };
  const widest = Math.max(Math.floor(Math.min(room / width, 22)), 1);
  const highest = Math.max(Math.min(Math.floor(260 / height), 22), 1);
  const square = Math.min(widest, highest);
  const stretched = (/** @type {number} */ most, /** @type {number} */ length) => Math.max(square, Math.min(most, Math.floor(60 / length)));
  return { across: stretched(widest, width), down: stretched(highest, height), numbers: false };
}

const fewCells = (/** @type {{width: number, height: number}} */ { width, height }) => width <= 10 && height <= 16;

/**
 * A figure with the picture of an array, its scale, and a line that says the element under the pointer.
 * @param {Stored} stored
 * @param {Family} family
 * @param {string} name
 * @param {{selected?: Index | null, onselect?: OnSelect | null, room?: number, grid?: Index | null}} options
 */
function heatMap(stored, family, name, { selected = null, onselect = null, room = 560, grid = null } = {}) {
  const view = viewOf(stored);
  if (!view.size) return make("p", { class: "empty" }, `no elements: shape ${tuple(view.shape)}`);
  if (view.size === 1) return lone(view, family, name, onselect);
  const plan = arrange(view.shape, grid);
  const cell = cellSize(plan, room);
  const canvas = make("canvas", {
    class: onselect ? "heat choose" : "heat", tabindex: onselect ? 0 : null, role: "img",
    "aria-label": `${name}, ${dimensions(view.shape)}: from ${format(least(view))} to ${format(most(view))}` +
      (onselect ? "; arrow keys choose an element" : ""),
  });
  const readout = make("output", { class: "readout" });
  const map = { view, family, name, plan, cell, canvas, readout, selected };
  paint(map);
  canvas.addEventListener("pointermove", (event) => tell(map, elementUnder(map, event)));
  canvas.addEventListener("pointerleave", () => tell(map, map.selected));
  if (onselect) listen(map, onselect);
  tell(map, selected);
  const hidden = plan.hidden ? make("p", { class: "note" }, `${plan.hidden} more are not drawn`) : null;
  return make("div", { class: `figure ${family}` }, canvas, make("div", { class: "beneath" }, legend(view, family), readout), hidden);
}

/**
 * @param {View} view
 * @param {Family} family
 * @param {string} name
 * @param {OnSelect | null} onselect
 */
function lone(view, family, name, onselect) {
  const number = format(view.flat(0), 6);
  const properties = { class: `lone ${family}`, "aria-label": `${name} = ${number}` };
  if (!onselect) return make("p", properties, number);
  const index = view.shape.map(() => 0);
  return make("button", { ...properties, onclick: () => onselect(index), "data-element": "0" }, number);
}

const least = (/** @type {View} */ view) => view.values.reduce((a, b) => Math.min(a, b), Infinity);
const most = (/** @type {View} */ view) => view.values.reduce((a, b) => Math.max(a, b), -Infinity);

/** @param {HTMLCanvasElement} canvas */
const pen = (canvas) => /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));

/** @param {HeatMap} map */
function paint({ view, family, plan, cell, canvas, selected }) {
  const sharp = window.devicePixelRatio > 1 ? 2 : 1;
  const width = Math.round(plan.width * cell.across);
  const height = Math.round(plan.height * cell.down);
  Object.assign(canvas, { width: width * sharp, height: height * sharp });
  canvas.style.aspectRatio = `${width} / ${height}`;
  canvas.style.width = `${width}px`;
  const context = pen(canvas);
  const palette = colours(family);
  context.imageSmoothingEnabled = false;
  context.drawImage(pixels(view, plan, palette), 0, 0, canvas.width, canvas.height);
  context.scale(sharp, sharp);
  if (cell.numbers) writeNumbers(context, view, plan, cell, palette);
  if (selected) outline(context, view, plan, cell, selected);
}

/**
 * @param {View} view
 * @param {Plan} plan
 * @param {Palette} palette
 */
function pixels(view, plan, palette) {
  const small = make("canvas", { width: plan.width, height: plan.height });
  const image = new ImageData(plan.width, plan.height);
  plan.elements.forEach((element, place) => {
    if (element < 0) return;
    image.data.set([...colour(view.values[element], view.extent, palette), 255], 4 * place);
  });
  pen(small).putImageData(image, 0, 0);
  return small;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {View} view
 * @param {Plan} plan
 * @param {Cell} cell
 * @param {Palette} palette
 */
function writeNumbers(context, view, plan, cell, palette) {
  const [size, digits] = cell.across < 50 ? [11, 2] : [12, 3];
  Object.assign(context, { font: `${size}px ui-monospace, monospace`, textAlign: "center", textBaseline: "middle" });
  plan.elements.forEach((element, place) => {
    if (element < 0) return;
    const [r, g, b] = colour(view.values[element], view.extent, palette);
    context.fillStyle = 0.299 * r + 0.587 * g + 0.114 * b > 140 ? "#111" : "#fff";
    const x = ((place % plan.width) + 0.5) * cell.across;
    const y = (Math.floor(place / plan.width) + 0.5) * cell.down;
    context.fillText(format(view.values[element], digits), x, y, cell.across - 4);
  });
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {View} view
 * @param {Plan} plan
 * @param {Cell} cell
 * @param {Index} index
 */
function outline(context, view, plan, cell, index) {
  const place = plan.pixels.get(ravel(index, view.shape));
  if (place === undefined) return;
  const [x, y] = [(place % plan.width) * cell.across, Math.floor(place / plan.width) * cell.down];
  const [width, height] = [Math.max(cell.across, 6), Math.max(cell.down, 6)];
  for (const pencil of [{ strokeStyle: "#fff", lineWidth: 4 }, { strokeStyle: "#000", lineWidth: 2 }]) {
    Object.assign(context, pencil);
    context.strokeRect(x + (cell.across - width) / 2 + 1, y + (cell.down - height) / 2 + 1, width - 2, height - 2);
  }
}

/**
 * @param {HeatMap} map
 * @param {PointerEvent} event
 */
function elementUnder({ view, plan, canvas }, event) {
  const box = canvas.getBoundingClientRect();
  const column = Math.floor(((event.clientX - box.left) / box.width) * plan.width);
  const row = Math.floor(((event.clientY - box.top) / box.height) * plan.height);
  const element = plan.elements[row * plan.width + column];
  return element >= 0 ? unravel(element, view.shape) : null;
}

/**
 * @param {HeatMap} map
 * @param {Index | null} index
 */
function tell({ view, name, readout }, index) {
  readout.textContent = index ? `${name}${subscript(index)} = ${format(view.at(index), 6)}` : " ";
}

/**
 * @param {HeatMap} map
 * @param {OnSelect} onselect
 */
function listen(map, onselect) {
  map.canvas.addEventListener("click", (event) => {
    const index = elementUnder(map, event);
    if (index) onselect(index);
  });
  map.canvas.addEventListener("keydown", (event) => {
    const index = neighbour(map, event.key);
    if (!index) return;
    event.preventDefault();
    event.stopPropagation();
    onselect(index);
  });
}

/** @type {Record<string, [number, number]>} */
const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], Enter: [0, 0] };

/**
 * The element next to the selected one in the picture, in the direction of a key.
 * @param {HeatMap} map
 * @param {string} key
 */
function neighbour({ view, plan, selected }, key) {
  if (!moves[key]) return null;
  const place = selected ? plan.pixels.get(ravel(selected, view.shape)) : null;
  if (place === null || place === undefined) return view.shape.map(() => 0);
  let [x, y] = [place % plan.width, Math.floor(place / plan.width)];
  do {
    x += moves[key][0];
    y += moves[key][1];
    if (x < 0 || y < 0 || x >= plan.width || y >= plan.height) return selected;
  } while (plan.elements[y * plan.width + x] < 0 && key !== "Enter");
  return unravel(plan.elements[y * plan.width + x], view.shape);
}

/**
 * @param {View} view
 * @param {Family} family
 */
function legend({ extent, size, values }, family) {
  const odd = values.filter((x) => !Number.isFinite(x)).length;
  if (!extent) return make("p", { class: "note" }, odd ? `${odd} of ${size} are NaN or ∞` : `all ${size} are 0`);
  const ends = [`−${format(extent, 3)}`, odd ? `${odd} NaN or ∞` : "0", format(extent, 3)];
  return make("div", { class: "legend", "aria-hidden": "true" },
    make("span", { class: `bar ${family}` }), ...ends.map((text) => make("span", {}, text)));
}

/**
 * The first and last numbers of an array, as NumPy prints them.
 * @param {Stored} stored
 */
function excerpt(stored) {
  const view = viewOf(stored);
  const columns = ends(view.shape.at(-1) ?? 1);
  const rows = ends(view.size / (view.shape.at(-1) ?? 1));
  const width = view.shape.at(-1) ?? 1;
  const cell = (/** @type {number | null} */ row, /** @type {number | null} */ column) => (row === null || column === null ? "…" : format(view.flat(row * width + column), 4));
  return make("table", { class: "numbers" },
    rows.map((row) => make("tr", {}, columns.map((column) => make("td", {}, cell(row, column))))));
}

/** @param {number} length */
function ends(length) {
  return length <= 6 ? Array.from({ length }, (_, i) => i) : [0, 1, 2, null, length - 2, length - 1];
}
