// The page: one state, one function that shows it, and the keys and buttons that change it.

const { steps } = account;
const outputName = vertexOf(account.output).name;
const PAUSE = 1600;
const SHOWN_TERMS = 10;
const COLUMN = 404;

const turning = steps.findIndex(({ phase }) => phase === "start");
/**
 * @typedef {{
 *   step: number, focus: string | null, element: {key: string, index: Index} | null, health: boolean,
 *   playing: ReturnType<typeof setInterval> | undefined,
 * }} State
 */
/** @typedef {{total: Stored, number: number}} Received A gradient so far, and how many of its shares have come. */
/** @typedef {{user: Computed, cameIn: Stored, share: Share}} Use */

/** @type {State} */
const state = { step: 0, focus: null, element: null, health: false, playing: undefined };
const help = /** @type {HTMLDialogElement} */ (byId("keys"));
const graph = new Graph(byId("graph"), jumpTo);

/** What each vertex has of its gradient after each step: the array, and how many of its shares have come. */
const received = steps.reduce((history, { phase, shares }) => {
  const now = new Map(history.at(-1));
  const seed = vertexOf(account.output).gradient;
  if (phase === "start" && seed) now.set(account.output, { total: seed, number: 0 });
  for (const share of shares) now.set(share.to, { total: share.total, number: share.number });
  return [...history, now];
}, [/** @type {Map<string, Received>} */ (new Map())]).slice(1);

const stepOf = { forward: stepsOf("forward"), backward: stepsOf("backward") };

/**
 * The number of the step of each vertex in one pass.
 * @param {"forward" | "backward"} pass
 * @returns {Map<string, number>}
 */
function stepsOf(pass) {
  return new Map(steps.flatMap(({ phase, node }, number) => (phase === pass ? [[node, number]] : [])));
}

const isBackward = (step = state.step) => step >= turning;
const gradientName = (/** @type {string} */ key) => `∂${bracketed(outputName)}/∂${bracketed(vertexOf(key).name)}`;
/** With the name of the books before it, where it has one: δ1 = ∂L/∂z1. */
const gradientTitle = (/** @type {Vertex} */ { key, error }) => (error ? `${error} = ` : "") + gradientName(key);
const bracketed = (/** @type {string} */ name) => (/^[\p{L}\p{N}_.[\]]+$/u.test(name) ? name : `(${name})`);

// what changes the state

/** @param {number} step */
function goTo(step) {
  state.step = Math.min(Math.max(step, 0), steps.length - 1);
  Object.assign(state, { focus: steps[state.step].node, element: null, health: false });
  byId("panel").scrollTop = 0;
  show();
}

/**
 * To the step at which a vertex is computed, or gets the last of its gradient in the backward pass.
 * @param {string} key
 */
function jumpTo(key) {
  const step = isBackward() ? backwardStep(key) : stepOf.forward.get(key) ?? firstUse(key);
  goTo(step ?? state.step);
  state.focus = key;
  show();
}

/** @param {string} key */
function backwardStep(key) {
  const found = steps.findLastIndex(({ shares }) => shares.some(({ to }) => to === key));
  return stepOf.backward.get(key) ?? (found < 0 ? null : found);
}

/** @param {string} key */
function firstUse(key) {
  const user = account.vertices.find(({ operands }) => operands?.some((operand) => operand.key === key));
  return user && stepOf.forward.get(user.key);
}

/** @param {string | null} key */
function look(key) {
  Object.assign(state, { focus: key, element: null });
  show();
}

/**
 * @param {string} key
 * @param {Index} index
 */
function choose(key, index) {
  state.element = { key, index };
  show();
  focused()?.closest("[data-figure]")?.scrollIntoView({ block: "nearest" });
}

function play(on = !state.playing) {
  clearInterval(state.playing);
  state.playing = on ? setInterval(advance, PAUSE) : undefined;
  if (on && state.step === steps.length - 1) goTo(0);
  show();
}

function advance() {
  if (state.step === steps.length - 1) play(false);
  else goTo(state.step + 1);
}

function turnTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  show();
}

// what shows it

function show() {
  const { phase, sentence } = steps[state.step];
  const count = isBackward() ? "backward" : "forward";
  byId("place").replaceChildren(
    make("span", { class: `phase ${count}` }, count),
    ` step ${state.step + 1} of ${steps.length}${headline(steps[state.step])}`);
  byId("sentence").textContent = unbroken(sentence);
  byId("play").setAttribute("aria-label", state.playing ? "Pause" : "Play");
  byId("health").setAttribute("aria-pressed", String(state.health));
  document.body.dataset.phase = count;
  document.body.dataset.playing = String(Boolean(state.playing));
  showDots(sentence);
  graph.update(vertexState, edgeState, badge);
  graph.follow(state.focus ?? (phase === "given" ? null : account.output));
  showPanel();
}

/** A sentence in which no line breaks within ∂L/∂W. */
const unbroken = (/** @type {string} */ text) => text.replaceAll("/∂", "/\u2060∂");

/** @param {Step} step */
function headline({ phase, node, shares }) {
  if (phase === "given") return " · what is given";
  if (phase === "done") return " · done";
  const { name, layer } = vertexOf(node);
  if (phase === "forward") return ` · ${layer && `${layer} · `}${name}`;
  if (phase === "start") return ` · ${gradientName(node)}`;
  return ` · from ${name} to ${[...new Set(shares.map(({ to }) => vertexOf(to).name))].join(" and ")}`;
}

/** @param {string} sentence */
function showDots(sentence) {
  const dots = byId("dots");
  if (!dots.children.length) {
    dots.append(...steps.map(({ phase }, number) =>
      make("span", { class: number < turning ? "value" : "gradient", title: `${number + 1}: ${phase}`, onclick: () => goTo(number) })));
    dots.children[turning].classList.add("turn");
  }
  [...dots.children].forEach((dot, number) => {
    dot.classList.toggle("done", number <= state.step);
    dot.classList.toggle("now", number === state.step);
  });
  dots.setAttribute("aria-valuemax", String(steps.length));
  dots.setAttribute("aria-valuenow", String(state.step + 1));
  dots.setAttribute("aria-valuetext", `step ${state.step + 1}: ${sentence}`);
}

/** @param {string} key */
function vertexState(key) {
  const { phase, node, shares } = steps[state.step];
  const focus = key === state.focus ? "focus" : "";
  if (key === node) return `now ${focus}`;
  if (!isBackward()) {
    const waits = (stepOf.forward.get(key) ?? 0) > state.step;
    const feeds = node && vertexOf(node).operands?.some((operand) => operand.key === key);
    return `${waits ? "todo" : "done"} ${feeds ? "near" : ""} ${focus}`;
  }
  const reached = received[state.step].has(key);
  const pulled = phase === "done" && reached || (stepOf.backward.get(key) ?? Infinity) < state.step;
  return `done ${reached ? "reached" : ""} ${pulled ? "pulled" : ""} ${shares.some(({ to }) => to === key) ? "near" : ""} ${focus}`;
}

/** @param {string} pair */
function edgeState(pair) {
  const [from, to] = pair.split(">");
  const { node, shares } = steps[state.step];
  if (!isBackward()) return to === node ? "now" : ((stepOf.forward.get(to) ?? 0) > state.step ? "todo" : "done");
  if (to === node && shares.some((share) => share.to === from)) return "now back";
  const pulled = (stepOf.backward.get(to) ?? Infinity) < state.step && vertexOf(from).gradient;
  return pulled ? "back" : "done";
}

/** @param {string} key */
function badge(key) {
  const got = received[state.step].get(key);
  if (!got) return "";
  const { uses } = vertexOf(key);
  const part = got.number < uses ? ` ${got.number}/${uses}` : "";
  const view = viewOf(got.total);
  return view.shape.length ? `∂${part}` : `∂ ${format(view.at([]), 3)}${part && ` (${part.trim()})`}`;
}

function showPanel() {
  const panel = byId("panel");
  const { phase } = steps[state.step];
  const held = focused()?.closest("[data-figure]")?.getAttribute("data-figure");
  const scroll = panel.scrollTop;
  panel.replaceChildren(...present(state.health ? healthPanel() : state.focus ? valuePanel(state.focus) : phase === "given" ? givenPanel() : healthPanel()));
  byId("drill").replaceChildren(...present([state.element && elementCard(state.element)]));
  panel.scrollTop = scroll;
  if (held) firstIn(panel, `[data-figure="${held}"] [tabindex], [data-figure="${held}"] button`)?.focus({ preventScroll: true });
}

const focused = () => /** @type {HTMLElement | null} */ (document.activeElement);

/**
 * The first element within another that a selector finds.
 * @param {HTMLElement} host
 * @param {string} selector
 * @returns {HTMLElement | null}
 */
const firstIn = (host, selector) => host.querySelector(selector);

const present = (/** @type {Child[]} */ parts) => parts.filter((part) => part !== null && part !== undefined);

function givenPanel() {
  const leaves = account.vertices.filter(({ op }) => !op);
  return [make("h2", {}, "Given"), ...leaves.map((vertex) =>
    make("article", { class: "value half" }, make("h3", {}, nameButton(vertex.key), facts(vertex)), figure(vertex.key, vertex.value, "value", vertex.name, true)))];
}

/** @param {string} key */
function valuePanel(key) {
  const vertex = vertexOf(key);
  const head = [make("h2", {}, vertex.name, facts(vertex)), sourceLine(vertex), ...vertex.marks.map(markLine)];
  const step = steps[state.step];
  if (step.phase === "forward" || step.phase === "given") return [...head, ...forwardPanel(vertex)];
  if (step.phase === "backward" && step.node === key) return [...head, ...backwardPanel(vertex, step)];
  return [...head, ...soFarPanel(vertex)];
}

/** @param {Vertex} vertex */
function facts({ kind, op, value, dtype, params, layer }) {
  const texts = [kind === "operation" || kind === "output" ? `${kind} ${op}` : kind, value.shape.length ? tuple(value.shape) : "scalar", dtype, params, layer];
  return make("span", { class: "facts" }, texts.filter(Boolean).join(" · "));
}

/** @param {Vertex} vertex */
function sourceLine({ source }) {
  if (!source) return null;
  return make("p", { class: "source" }, make("b", {}, `${source.file}:${source.line}`), " ", make("code", {}, source.text));
}

/** @param {Mark} mark */
function markLine({ symbol, level, text }) {
  return make("p", { class: `mark ${level}` }, make("b", {}, symbol), ` ${text}`);
}

/** @param {string | null | undefined} mathml */
function formulaLine(mathml) {
  if (!mathml) return null;
  const line = make("p", { class: "formula" });
  line.innerHTML = mathml;
  return line;
}

/** @param {Vertex} vertex */
function forwardPanel(vertex) {
  const value = make("article", { class: "value" }, make("h3", {}, "value"), formulaLine(vertex.formula),
    figure(vertex.key, vertex.value, "value", vertex.name), numbers(vertex.value));
  if (!vertex.op) return [value];
  const used = new Map(vertex.operands.flatMap((operand) => (operand.key ? [[operand.key, operand]] : [])));
  return [value, ...Array.from(used, ([key, { name, value: stored }]) =>
    make("article", { class: "value half" }, make("h3", {}, "from ", nameButton(key), facts(vertexOf(key))), figure(key, stored, "value", name, true)))];
}

/**
 * @param {Vertex} vertex
 * @param {{cameIn: Stored, shares: Share[]}} step
 */
function backwardPanel(vertex, { cameIn, shares }) {
  const name = gradientName(vertex.key);
  return [
    make("article", { class: "gradient half" }, make("h3", {}, `came in: ${gradientTitle(vertex)}`, shapeNote(cameIn)),
      figure(vertex.key, cameIn, "gradient", name, true), numbers(cameIn)),
    ...inView(shares).map((share) => shareCard(vertex, share)),
  ];
}

/**
 * A sum that undoes a broadcast comes first: it is the longest to look at, and beside it stands what is summed.
 * @param {Share[]} shares
 */
function inView(shares) {
  return [...shares.filter(({ raw }) => raw), ...shares.filter(({ raw }) => !raw)];
}

/**
 * @param {Vertex} vertex
 * @param {Share} share
 */
function shareCard(vertex, share) {
  const target = vertexOf(share.to);
  const name = gradientName(share.to);
  const several = target.uses > 1;
  const what = several ? `share ${share.number} of ${target.uses}` : "its whole gradient: one use";
  return make("article", { class: "gradient half" },
    make("h3", {}, "to ", nameButton(share.to), shapeNote(share.contribution), make("span", { class: "facts" }, what)),
    formulaLine(share.formula), share.note ? make("p", { class: "note" }, share.note) : null, share.raw && reduction(vertex, share, share.raw),
    figure(share.to, share.contribution, "gradient", several ? `share of ${name}` : name, true), numbers(share.contribution),
    several ? make("h3", {}, `so far: ${name}`) : null,
    several ? figure(share.to, share.total, "gradient", name, true) : null);
}

/**
 * A broadcast undone: the gradient of every copy, and the axes over which they are added up.
 * @param {Vertex} vertex
 * @param {Share} share
 * @param {Stored} raw
 */
function reduction({ grid }, { axes, to }, raw) {
  const lengths = axes.map((axis) => raw.shape[axis]).join(" × ");
  const text = `Σ over ${axes.length === 1 ? "axis" : "axes"} ${axes.join(", ")} (${lengths}): ${tuple(raw.shape)} → ${tuple(vertexOf(to).value.shape)}`;
  return make("div", { class: "reduction" }, heatMap(raw, "gradient", "before the sum", { room: room(true), grid }), make("p", {}, `↓ ${text}`));
}

/** @param {Vertex} vertex */
function soFarPanel(vertex) {
  const got = received[state.step].get(vertex.key);
  const name = gradientName(vertex.key);
  const note = got && got.number < vertex.uses ? ` so far, ${got.number} of ${vertex.uses} shares` : "";
  return [
    make("article", { class: "gradient" }, make("h3", {}, gradientTitle(vertex) + note, got && shapeNote(got.total)),
      got ? figure(vertex.key, got.total, "gradient", name) : make("p", { class: "note" }, vertex.gradient ? "nothing has come yet" : "needs no gradient"),
      got ? numbers(got.total) : null),
    make("article", { class: "value" }, make("h3", {}, "value"), formulaLine(vertex.formula), figure(vertex.key, vertex.value, "value", vertex.name), numbers(vertex.value)),
  ];
}

/** @param {Stored} stored */
function shapeNote({ shape }) {
  return make("span", { class: "facts" }, shape.length ? tuple(shape) : "scalar");
}

/** @param {string} key */
function nameButton(key) {
  return make("button", { class: "name", onclick: () => look(key) }, vertexOf(key).name);
}

/**
 * How wide a picture may be in a column of the panel, or across all of it.
 * @param {boolean} half
 */
function room(half) {
  const width = byId("panel").clientWidth - 36;
  const columns = half ? Math.max(Math.floor((width + 20) / (COLUMN + 20)), 1) : 1;
  return Math.min((width + 20) / columns - 46, 900);
}

/**
 * @param {string} key
 * @param {Stored} stored
 * @param {Family} family
 * @param {string} name
 * @param {boolean} half
 */
function figure(key, stored, family, name, half = false) {
  const { element } = state;
  const selected = element?.key === key ? element.index : null;
  const picture = heatMap(stored, family, name, { selected, room: room(half), grid: vertexOf(key).grid, onselect: (index) => choose(key, index) });
  picture.dataset.figure = `${family}-${key}-${stored.buffer}`;
  return picture;
}

/**
 * The numbers themselves, where the picture has no room to write them.
 * @param {Stored} stored
 */
function numbers(stored) {
  const view = viewOf(stored);
  const { width, height } = view.size > 1 ? arrange(view.shape) : { width: 1, height: 1 };
  if (view.size <= 1 || fewCells({ width, height })) return null;
  return make("details", {}, make("summary", {}, "numbers"), excerpt(stored));
}

// drill down

/** @param {{key: string, index: Index}} element */
function elementCard({ key, index }) {
  const vertex = vertexOf(key);
  const value = viewOf(vertex.value).at(index);
  const got = received[state.step].get(key);
  return make("article", { id: "element", "aria-live": "polite" },
    make("h3", {}, `element ${vertex.name}${subscript(index)}`, make("button", { class: "close", "aria-label": "Close", onclick: () => look(state.focus) }, "×")),
    got ? gradientSum(vertex, index, got) : null,
    make("section", { class: "value", "data-value": value }, make("h4", {}, `${vertex.name}${subscript(index)} = ${format(value, 6)}`), vertex.op ? forwardSum(vertex, index) : null));
}

/**
 * @param {Computed} vertex
 * @param {Index} index
 */
function forwardSum(vertex, index) {
  const made = forwardTerms(vertex, index);
  if (made.terms === undefined) return make("p", { class: "line" }, made.text);
  return make("div", {}, termTable(made.terms), made.after ? make("p", { class: "line" }, made.after) : null);
}

/**
 * @param {Vertex} vertex
 * @param {Index} index
 * @param {Received} got
 */
function gradientSum(vertex, index, { total }) {
  const uses = usesUpTo(vertex.key, state.step);
  const name = `${gradientName(vertex.key)}${subscript(index)}`;
  const value = viewOf(total).at(index);
  const heading = uses.length > 1 ? ` = ${uses.map(({ share }) => format(viewOf(share.contribution).at(index))).join(" + ")}` : "";
  return make("section", { class: "gradient", "data-gradient": value }, make("h4", {}, `${name}${heading} = ${format(value, 6)}`),
    uses.map(({ user, cameIn, share }) => useSum(user, cameIn, share, index)));
}

/**
 * @param {string} key
 * @param {number} last
 */
function usesUpTo(key, last) {
  return steps.slice(0, last + 1).flatMap((step) => (step.phase === "backward" ? usesIn(step, key) : []));
}

/**
 * @param {StepBack} step
 * @param {string} key
 * @returns {Use[]}
 */
function usesIn({ node, cameIn, shares }, key) {
  const user = /** @type {Computed} */ (vertexOf(node));
  return shares.filter(({ to }) => to === key).map((share) => ({ user, cameIn, share }));
}

/**
 * @param {Computed} user
 * @param {Stored} cameIn
 * @param {Share} share
 * @param {Index} index
 */
function useSum(user, cameIn, share, index) {
  const terms = backwardTerms(user, share.position, cameIn, gradientName(user.key), index);
  const through = `through ${user.name}`;
  if (!terms) return make("p", { class: "note" }, `${through}: ${format(viewOf(share.contribution).at(index), 6)} (too many terms to write down)`);
  if (!terms.length) return make("p", { class: "note" }, `${through}: 0, nothing depends on this element`);
  return make("div", {}, make("p", { class: "note" }, through), termTable(terms));
}

/**
 * The terms that are not zero, and their sum.
 * @param {Term[]} terms
 */
function termTable(terms) {
  const present = terms.filter(({ value }) => value !== 0);
  const zeros = terms.length - present.length;
  const rows = present.length ? present : terms.slice(0, 1);
  const body = make("tbody", {}, rows.slice(0, SHOWN_TERMS).map(termRow));
  const more = rows.length - SHOWN_TERMS;
  const all = more > 0 ? make("button", { onclick: (/** @type {{target: Element}} */ { target }) => { body.append(...rows.slice(SHOWN_TERMS).map(termRow)); target.remove(); } }, `${more} more terms`) : null;
  const note = `Σ of ${terms.length} ${terms.length === 1 ? "term" : "terms"}${zeros && terms.length > 1 ? `, ${zeros} of them 0` : ""}`;
  return make("div", { class: "terms", "data-sum": sumOf(terms), "data-count": terms.length },
    make("table", {}, body, make("tfoot", {}, make("tr", {}, make("th", { colspan: 2 }, note), make("td", {}, `= ${format(sumOf(terms), 6)}`)))), all);
}

/** @param {Term} term */
function termRow({ factors, value }) {
  return make("tr", {}, make("td", {}, factors.map(({ text }) => text).join(" · ")),
    make("td", {}, factors.map(({ value }) => bracket(format(value))).join(" · ")), make("td", {}, factors.length > 1 ? `= ${format(value)}` : ""));
}

// health

function healthPanel() {
  const parameters = account.vertices.filter(({ kind }) => kind === "parameter");
  const marked = account.vertices.filter(({ marks }) => marks.length);
  const row = (/** @type {Vertex} */ { key, value, norms, gradient }) => make("tr", {}, make("td", {}, nameButton(key)), make("td", {}, dimensions(value.shape)),
    make("td", {}, norms[0]), make("td", {}, gradient ? norms[1] : "none"), make("td", {}, bar(Number(norms[1]), parameters)));
  return [
    make("h2", {}, "Health"),
    make("table", { class: "health" }, make("thead", {}, make("tr", {}, ["parameter", "shape", "‖value‖", "‖gradient‖", ""].map((text) => make("th", {}, text)))),
      make("tbody", {}, parameters.map(row))),
    ...marked.map(({ key, marks }) => make("article", {}, make("h3", {}, nameButton(key)), marks.map(markLine))),
    marked.length ? null : make("p", { class: "note" }, "No NaN, no Inf, no dead or saturated units, no vanishing or exploding gradient."),
  ];
}

/**
 * A bar as long as the norm's share of the largest.
 * @param {number} norm
 * @param {Vertex[]} parameters
 */
function bar(norm, parameters) {
  const largest = Math.max(...parameters.map(({ norms }) => Number(norms[1]) || 0));
  return make("span", { class: "length gradient", style: `width: ${Math.round(100 * (norm / largest)) || 0}px` });
}

// keys and buttons

/** @type {Record<string, () => void>} */
const keys = {
  ArrowRight: () => goTo(state.step + 1),
  ArrowLeft: () => goTo(state.step - 1),
  Home: () => goTo(0),
  End: () => goTo(steps.length - 1),
  b: () => goTo(turning),
  " ": () => play(),
  e: () => firstIn(byId("panel"), ".choose, button.lone")?.focus(),
  f: () => graph.fit(),
  "+": () => graph.zoom(1.25),
  "-": () => graph.zoom(0.8),
  h: () => byId("health").click(),
  t: turnTheme,
  "?": () => help.showModal(),
  Escape: () => { focused()?.blur(); look(steps[state.step].node); },
};

document.addEventListener("keydown", (event) => {
  const onButton = focused()?.matches("button, summary") && (event.key === " " || event.key === "Enter");
  if (help.open || onButton || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});

const buttons = {
  first: keys.Home, previous: keys.ArrowLeft, play: keys[" "], next: keys.ArrowRight, last: keys.End,
  theme: turnTheme, help: keys["?"], health: () => { state.health = !state.health; show(); },
};
for (const [id, act] of Object.entries(buttons)) byId(id).addEventListener("click", () => act());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);

goTo(0);
