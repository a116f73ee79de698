// The drawing board: pointer, keyboard, and pictures; bright ink on black, as the network takes it.

const PAD = 280;
const PEN = 22;
const RUBBER = 40;
const SMALL = 56;
const CELL = PAD / SIDE;

/** Of the darkest ink in a picture: what is paper still, and what is ink wholly. */
const [FAINT, FULL] = [0.3, 0.7];
const CORNER = 9;

/**
 * How bright the paper of a picture is, anywhere: as in its corners, and between them as light falls off.
 * @param {(i: number) => number} bright
 * @param {number} left @param {number} top @param {number} width @param {number} height
 */
function paperOf(bright, left, top, width, height) {
  const mean = (/** @type {number} */ x, /** @type {number} */ y) => {
    let sum = 0;
    for (let i = 0; i < CORNER * CORNER; i++) sum += bright(4 * ((y + Math.floor(i / CORNER)) * PAD + x + (i % CORNER)));
    return sum / CORNER ** 2;
  };
  const [near, far] = [[left, top].map(Math.ceil), [left + width - CORNER, top + height - CORNER].map(Math.floor)];
  const [a, b, c, d] = [mean(near[0], near[1]), mean(far[0], near[1]), mean(near[0], far[1]), mean(far[0], far[1])];
  return (/** @type {number} */ x, /** @type {number} */ y) => {
    const [across, along] = [(x - left) / width, (y - top) / height];
    return (a * (1 - across) + b * across) * (1 - along) + (c * (1 - across) + d * across) * along;
  };
}

class Pad {
  /** @type {{x: number, y: number} | null} */
  last = null;
  place = { x: PAD / 2, y: PAD / 2 };
  down = false;
  rubber = false;
  empty = true;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {HTMLElement} cursor
   * @param {(done: boolean) => void} onchange done: the pen was lifted
   */
  constructor(canvas, cursor, onchange) {
    this.canvas = canvas;
    this.cursor = cursor;
    this.onchange = onchange;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
    Object.assign(this.context, { lineCap: "round", lineJoin: "round" });
    this.clear(false);
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointermove", (event) => this.drag(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => this.lift());
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("focus", () => this.showCursor());
    canvas.addEventListener("blur", () => { this.down = false; this.cursor.hidden = true; });
  }

  clear(tell = true) {
    this.context.fillStyle = "#000";
    this.context.fillRect(0, 0, PAD, PAD);
    this.empty = true;
    if (tell) this.onchange(true);
  }

  /** @param {PointerEvent} event */
  point(event) {
    const box = this.canvas.getBoundingClientRect();
    return { x: ((event.clientX - box.left) / box.width) * PAD, y: ((event.clientY - box.top) / box.height) * PAD };
  }

  /** @param {PointerEvent} event */
  press(event) {
    if (event.button) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.last = this.point(event);
    this.line(this.last, this.last);
  }

  /** @param {PointerEvent} event */
  drag(event) {
    for (const each of event.getCoalescedEvents?.().length ? event.getCoalescedEvents() : [event]) {
      if (!this.last) return;
      const next = this.point(each);
      this.line(this.last, next);
      this.last = next;
    }
  }

  lift() {
    if (this.last) this.onchange(true);
    this.last = null;
  }

  /**
   * @param {{x: number, y: number}} from
   * @param {{x: number, y: number}} to
   */
  line(from, to) {
    this.context.strokeStyle = this.rubber ? "#000" : "#fff";
    this.context.lineWidth = this.rubber ? RUBBER : PEN;
    this.context.beginPath();
    this.context.moveTo(from.x, from.y);
    this.context.lineTo(to.x, to.y);
    this.context.stroke();
    this.empty = this.empty && this.rubber;
    this.onchange(false);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const move = moves[event.key];
    if (event.key === " ") this.pen(!this.down);
    else if (event.key === "Delete" || event.key === "Backspace") this.clear();
    else if (move && event.key !== "Enter") this.move(move);
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.showCursor();
  }

  /** @param {boolean} down */
  pen(down) {
    this.down = down;
    if (down) this.line(this.place, this.place);
    else this.onchange(true);
  }

  /** @param {[number, number]} direction */
  move([across, along]) {
    const within = (/** @type {number} */ x) => Math.min(Math.max(x, CELL / 2), PAD - CELL / 2);
    const next = { x: within(this.place.x + across * CELL), y: within(this.place.y + along * CELL) };
    if (this.down) this.line(this.place, next);
    this.place = next;
  }

  showCursor() {
    if (!this.canvas.matches(":focus-visible")) return;
    this.cursor.hidden = false;
    this.cursor.classList.toggle("down", this.down);
    Object.assign(this.cursor.style, { left: `${(100 * this.place.x) / PAD}%`, top: `${(100 * this.place.y) / PAD}%` });
  }

  /** A picture, with its paper turned to black. @param {Blob} file */
  async paste(file) {
    const picture = await createImageBitmap(file);
    const scale = Math.min(PAD / picture.width, PAD / picture.height);
    const [width, height] = [picture.width * scale, picture.height * scale];
    const small = make("canvas", { width: PAD, height: PAD });
    const context = pen(small);
    const [left, top] = [(PAD - width) / 2, (PAD - height) / 2];
    context.drawImage(picture, left, top, width, height);
    const { data } = context.getImageData(0, 0, PAD, PAD);
    const bright = (/** @type {number} */ i) => (0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2]) * (data[i + 3] / 255) + 255 - data[i + 3];
    const paper = paperOf(bright, left, top, width, height);
    const ink = new Float32Array(PAD * PAD);
    for (let y = Math.ceil(top); y < top + height - 1; y++) {
      for (let x = Math.ceil(left); x < left + width - 1; x++) ink[y * PAD + x] = Math.abs(bright(4 * (y * PAD + x)) - paper(x, y));
    }
    const darkest = ink.reduce((a, b) => Math.max(a, b), 1);
    const image = new ImageData(PAD, PAD);
    ink.forEach((value, i) => {
      const shown = 255 * Math.min(Math.max((value / darkest - FAINT) / (FULL - FAINT), 0), 1);
      image.data.set([shown, shown, shown, 255], 4 * i);
    });
    this.context.putImageData(image, 0, 0);
    this.empty = false;
    this.onchange(true);
  }

  /** The drawing as a message has it. @returns {Stored} */
  stored() {
    const { data } = this.context.getImageData(0, 0, PAD, PAD);
    return { shape: [PAD, PAD], dtype: "uint8", data: textOf(Uint8Array.from({ length: PAD * PAD }, (_, i) => data[4 * i])) };
  }

  /** The drawing in four grey levels and 56 × 56 pixels, for a link. */
  text() {
    if (this.empty) return "";
    const small = make("canvas", { width: SMALL, height: SMALL });
    pen(small).drawImage(this.canvas, 0, 0, SMALL, SMALL);
    const { data } = pen(small).getImageData(0, 0, SMALL, SMALL);
    const packed = new Uint8Array((SMALL * SMALL) / 4);
    for (let i = 0; i < SMALL * SMALL; i++) packed[i >> 2] |= Math.round(data[4 * i] / 85) << (2 * (i & 3));
    return textOf(packed).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  }

  /** @param {string} text that of `text` */
  restore(text) {
    if (!text) return this.clear();
    if (text.length !== Math.ceil((SMALL * SMALL) / 3) || !/^[\w-]*$/.test(text)) throw new Error("the drawing in the link is damaged");
    const packed = bytesOf(text.replaceAll("-", "+").replaceAll("_", "/"));
    const image = new ImageData(SMALL, SMALL);
    for (let i = 0; i < SMALL * SMALL; i++) {
      const ink = 85 * ((packed[i >> 2] >> (2 * (i & 3))) & 3);
      image.data.set([ink, ink, ink, 255], 4 * i);
    }
    const small = make("canvas", { width: SMALL, height: SMALL });
    pen(small).putImageData(image, 0, 0);
    this.context.drawImage(small, 0, 0, PAD, PAD);
    this.empty = false;
    this.onchange(true);
  }
}
