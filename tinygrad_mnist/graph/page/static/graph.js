// The graph as SVG: shapes tell the kinds apart, classes tell what is done, at hand and to come; pan and zoom.

const HEIGHT = 46;
const LEGIBLE = 0.6;
const spaceOf = "http://www.w3.org/2000/svg";

/**
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} properties
 * @param {(Node | string | null)[]} children
 */
function svg(tag, properties = {}, ...children) {
  const element = document.createElementNS(spaceOf, tag);
  for (const [key, value] of Object.entries(properties)) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

class Graph {
  scale = 1;
  cropped = false;
  middle = { x: 0, y: 0 };
  /** @type {string | null} */
  centre = null;
  /** @type {{x: number, y: number} | null} */
  held = null;

  /**
   * @param {HTMLElement} host The element to draw in.
   * @param {(key: string) => void} choose Called with the key of a vertex that was clicked.
   */
  constructor(host, choose) {
    this.host = host;
    this.nodes = new Map(account.vertices.map((vertex) => [vertex.key, drawVertex(vertex, choose)]));
    this.badges = new Map(account.vertices.map((vertex) => [vertex.key, placeBadge(vertex)]));
    this.arrows = new Map(account.edges.map((edge) => [`${edge.from}>${edge.to}`, drawEdge(edge)]));
    this.picture = svg("svg", { role: "group", "aria-label": "graph" },
      arrowHeads(), svg("g", {}, ...this.arrows.values()), svg("g", {}, ...this.nodes.values()),
      svg("g", {}, ...this.badges.values()));
    host.append(this.picture, this.tools(), key());
    this.whole = extent();
    this.shareWidth();
    this.fit();
    this.listen();
    new ResizeObserver(() => this.fit(this.centre)).observe(this.picture);
  }

  tools() {
    const button = (/** @type {string} */ text, /** @type {string} */ title, /** @type {() => void} */ act) => make("button", { title, "aria-label": title, onclick: act }, text);
    return make("div", { class: "zoom" },
      button("+", "Zoom in (+)", () => this.zoom(1.25)),
      button("−", "Zoom out (−)", () => this.zoom(0.8)),
      button("⤢", "Fit (f)", () => this.fit()));
  }

  /** As wide as the graph needs at the height there is, between 30 and 55 percent of the page. */
  shareWidth() {
    const frame = /** @type {HTMLElement} */ (this.host.parentElement);
    const { width, height } = frame.getBoundingClientRect();
    const needed = (height - 30) * (this.whole.width / this.whole.height) + 60;
    const share = Math.min(Math.max(needed / width, 0.3), 0.55);
    frame.style.setProperty("--graph", `${Math.round(100 * share)}%`);
  }

  /**
   * Show all of it; where that would be too small to read, as much as is legible around a vertex.
   * @param {string | null} centre
   */
  fit(centre = null) {
    const { width, height } = this.picture.getBoundingClientRect();
    if (!width || !height) return;
    const scale = Math.min(width / this.whole.width, height / this.whole.height, 1.5);
    this.scale = centre ? Math.max(scale, LEGIBLE) : scale;
    this.cropped = scale < LEGIBLE;
    this.middle = { x: this.whole.x + this.whole.width / 2, y: this.whole.y + this.whole.height / 2 };
    if (centre && this.cropped) this.follow(centre);
    this.show();
  }

  /**
   * Bring a vertex to the middle where the graph does not fit.
   * @param {string | null} key
   */
  follow(key) {
    this.centre = key;
    if (!this.cropped || !key) return;
    this.scale = Math.max(this.scale, LEGIBLE);
    const { width, height } = this.picture.getBoundingClientRect();
    const { x, y } = vertexOf(key);
    this.middle = {
      x: within(x, this.whole.x, this.whole.width, width / this.scale),
      y: within(y, this.whole.y, this.whole.height, height / this.scale),
    };
    this.show();
  }

  /** @param {number} factor */
  zoom(factor) {
    this.scale = Math.min(Math.max(this.scale * factor, 0.05), 6);
    this.show();
  }

  show() {
    const { width, height } = this.picture.getBoundingClientRect();
    const [w, h] = [width / this.scale, height / this.scale];
    this.picture.setAttribute("viewBox", `${this.middle.x - w / 2} ${this.middle.y - h / 2} ${w} ${h}`);
  }

  listen() {
    this.picture.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 600));
    }, { passive: false });
    this.picture.addEventListener("pointerdown", (event) => { this.held = { x: event.clientX, y: event.clientY }; });
    window.addEventListener("pointerup", () => { this.held = null; });
    this.picture.addEventListener("pointermove", (event) => {
      if (!this.held) return;
      this.middle.x -= (event.clientX - this.held.x) / this.scale;
      this.middle.y -= (event.clientY - this.held.y) / this.scale;
      this.held = { x: event.clientX, y: event.clientY };
      this.show();
    });
  }

  /**
   * @param {(key: string) => string} vertexState From a key to class names.
   * @param {(pair: string) => string} edgeState From two keys joined by ">" to class names.
   * @param {(key: string) => string} badge From a key to the gradient's badge.
   */
  update(vertexState, edgeState, badge) {
    for (const [key, node] of this.nodes) {
      node.setAttribute("class", `vertex ${vertexOf(key).kind} ${vertexState(key)}`);
    }
    for (const [key, place] of this.badges) {
      writeBadge(place, badge(key));
    }
    for (const [pair, arrow] of this.arrows) arrow.setAttribute("class", `edge ${edgeState(pair)}`);
  }
}

/**
 * @param {number} place
 * @param {number} start
 * @param {number} length
 * @param {number} room
 */
function within(place, start, length, room) {
  if (room >= length) return start + length / 2;
  return Math.min(Math.max(place, start + room / 2), start + length - room / 2);
}

function extent() {
  const left = Math.min(...account.vertices.map(({ x, width }) => x - width / 2));
  const right = Math.max(...account.vertices.map(({ x, width }) => x + width / 2));
  const bottom = Math.max(...account.vertices.map(({ y }) => y));
  const bends = account.edges.flatMap(({ points }) => points.map(([x]) => x));
  const [from, to] = [Math.min(left, ...bends) - 24, Math.max(right, ...bends) + 60];
  return { x: from, y: -0.8 * HEIGHT, width: to - from, height: bottom + 1.6 * HEIGHT };
}

/**
 * @param {Vertex} vertex
 * @param {(key: string) => void} choose
 */
function drawVertex(vertex, choose) {
  const { x, y, width, key, kind, name, caption, marks } = vertex;
  const group = svg("g", { transform: `translate(${x} ${y})`, role: "button", tabindex: -1, "data-key": key,
    "aria-label": [[caption, below(vertex), marks[0]?.symbol ?? ""].join(" ").trim(), kind, name, ...marks.map(({ text }) => text)].join(", ") });
  group.append(...outlineOf(kind, width));
  const lowered = kind === "parameter" ? 3 : 0;
  group.append(svg("text", { class: "caption", y: -4 + lowered }, caption), " ");
  group.append(svg("text", { class: "below", y: 13 + lowered }, below(vertex)), " ");
  if (marks.length) group.append(drawMark(marks, width));
  group.addEventListener("click", () => choose(key));
  return group;
}

/**
 * @param {Kind} kind
 * @param {number} width
 */
function outlineOf(kind, width) {
  const box = (/** @type {number} */ inset, /** @type {number} */ round) => svg("rect", { class: inset ? "inner" : "outer", x: -width / 2 + inset, y: -HEIGHT / 2 + inset,
    width: width - 2 * inset, height: HEIGHT - 2 * inset, rx: round });
  if (kind === "parameter") return cylinder(width);
  if (kind === "output") return [box(0, HEIGHT / 2), box(4, HEIGHT / 2)];
  return [box(0, kind === "data" ? 0 : HEIGHT / 2)];
}

/**
 * A parameter's shape, as in a picture by Graphviz.
 * @param {number} width
 */
function cylinder(width) {
  const [left, top, lid] = [-width / 2, 4 - HEIGHT / 2, `a ${width / 2} 4 0 0`];
  return [
    svg("path", { class: "outer", d: `M ${left} ${top} ${lid} 1 ${width} 0 V ${-top} ${lid} 1 ${-width} 0 z` }),
    svg("path", { class: "inner", d: `M ${left} ${top} ${lid} 0 ${width} 0` }),
  ];
}

/** @param {Vertex} vertex */
function below(vertex) {
  const named = vertex.name !== vertex.caption && vertex.name.length <= 24;
  const gap = vertex.value.shape.length ? "\u2003" : " ";
  return `${named ? vertex.name + gap : ""}${shapeOrNumber(vertex)}`;
}

/** @param {Vertex} vertex */
function shapeOrNumber({ value }) {
  return value.shape.length ? dimensions(value.shape) : `= ${format(viewOf(value).at([]), 4)}`;
}

/**
 * @param {Mark[]} marks
 * @param {number} width
 */
function drawMark(marks, width) {
  const level = marks.some((mark) => mark.level === "warning") ? "warning" : "info";
  const text = marks.map(({ symbol, text }) => `${symbol} ${text}`).join("\n");
  return svg("g", { class: `mark ${level}`, transform: `translate(${-width / 2 + 2} ${-HEIGHT / 2 + 2})` },
    svg("title", {}, text), svg("circle", { r: 10 }), svg("text", { y: 5 }, marks[0].symbol));
}

/**
 * The badge at the lower right corner says that a gradient has come; it stands above all vertices.
 * @param {Vertex} vertex
 */
function placeBadge({ x, y, width }) {
  return svg("g", { class: "badge", transform: `translate(${x + width / 2 - 2} ${y + HEIGHT / 2 - 2})` });
}

/**
 * @param {SVGGElement} badge
 * @param {string} text
 */
function writeBadge(badge, text) {
  badge.replaceChildren();
  if (!text) return;
  const width = 12 + 7.5 * text.length;
  badge.append(svg("rect", { x: -10, y: -9, width, height: 18, rx: 9 }), svg("text", { x: width / 2 - 10, y: 4.5 }, text));
}

/**
 * One arrow for each use: b + b takes b twice.
 * @param {Edge} edge
 */
function drawEdge(edge) {
  const uses = Array.from({ length: edge.count }, (_, i) => 16 * (i - (edge.count - 1) / 2));
  return svg("g", { "data-edge": `${edge.from}>${edge.to}` }, ...uses.map((shift) => drawArrow(edge, shift)));
}

/**
 * @param {Edge} edge
 * @param {number} shift
 */
function drawArrow({ points, to }, shift) {
  const bent = points.map(([x, y]) => [x + shift, y]);
  bent[0] = [bent[0][0], bent[0][1] + HEIGHT / 2];
  const end = bent.length - 1;
  bent[end] = [bent[end][0] + lean(points, to), bent[end][1] - HEIGHT / 2 - 1];
  const path = bent.slice(1).reduce((text, [x, y], i) => {
    const [px, py] = bent[i];
    return `${text} C ${px} ${(py + y) / 2} ${x} ${(py + y) / 2} ${x} ${y}`;
  }, `M ${bent[0].join(" ")}`);
  return svg("path", { d: path });
}

/**
 * Arrows that come from the side end beside the middle, so that several can be told apart.
 * @param {[number, number][]} points
 * @param {string} to
 */
function lean(points, to) {
  const [[before], [x]] = points.slice(-2);
  const room = vertexOf(to).width / 3;
  return Math.max(-room, Math.min(room, (before - x) / 3));
}

function arrowHeads() {
  const head = (/** @type {string} */ id, /** @type {string} */ d, /** @type {number} */ refX) => svg("marker", { id, viewBox: "0 0 10 10", refX, refY: 5, markerWidth: 10, markerHeight: 10,
    markerUnits: "userSpaceOnUse", orient: "auto" }, svg("path", { d }));
  return svg("defs", {}, head("forward", "M0 0 10 5 0 10z", 10), head("backward", "M10 0 0 5 10 10z", 0));
}

/** What the shapes mean. */
function key() {
  const sample = (/** @type {Kind} */ kind, /** @type {string} */ text) => {
    const picture = svg("svg", { viewBox: `-36 -26 72 52`, width: 27, height: 20, "aria-hidden": "true" },
      svg("g", { class: `vertex ${kind} done` }, ...outlineOf(kind, 68)));
    return make("span", {}, picture, text);
  };
  return make("p", { class: "key" }, sample("parameter", "parameter"), sample("data", "data"),
    sample("operation", "operation"), sample("output", "output"), make("span", { class: "swatch value" }, "values"),
    make("span", { class: "swatch gradient" }, "∂ gradients"));
}
