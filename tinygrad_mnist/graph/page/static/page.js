// The page: one state, one function that shows it, and the keys and buttons that change it.

const byId = (id) => document.getElementById(id);
const { steps } = account;
const outputName = vertices.get(account.output).name;
const PAUSE = 1600;
const SHOWN_TERMS = 10;
const COLUMN = 404;

const turning = steps.findIndex(({ phase }) => phase === "start");
const state = { step: 0, focus: null, element: null, health: false, playing: null };
const graph = new Graph(byId("graph"), jumpTo);

/** What each vertex has of its gradient after each step: the array, and how many of its shares have come. */
const received = steps.reduce((history, { phase, shares }, number) => {
  const now = new Map(history.at(-1));
  if (phase === "start") now.set(account.output, { total: vertices.get(account.output).gradient, number: 0 });
  for (const share of shares) now.set(share.to, { total: share.total, number: share.number });
  return [...history, now];
}, [new Map()]).slice(1);

const stepOf = { forward: new Map(), backward: new Map() };
steps.forEach(({ phase, node }, number) => stepOf[phase]?.set(node, number));

const isBackward = (step = state.step) => step >= turning;
const gradientName = (key) => `∂${bracketed(outputName)}/∂${bracketed(vertices.get(key).name)}`;
const bracketed = (name) => (/^[\p{L}\p{N}_.\[\]]+$/u.test(name) ? name : `(${name})`);

// what changes the state

function goTo(step) {
  state.step = Math.min(Math.max(step, 0), steps.length - 1);
  Object.assign(state, { focus: steps[state.step].node, element: null, health: false });
  byId("panel").scrollTop = 0;
  show();
}

/** To the step at which a vertex is computed, or gets the last of its gradient in the backward pass. */
function jumpTo(key) {
  const step = isBackward() ? backwardStep(key) : stepOf.forward.get(key) ?? firstUse(key);
  goTo(step ?? state.step);
  state.focus = key;
  show();
}

function backwardStep(key) {
  if (stepOf.backward.has(key)) return stepOf.backward.get(key);
  const found = steps.findLastIndex(({ shares }) => shares.some(({ to }) => to === key));
  return found < 0 ? null : found;
}

function firstUse(key) {
  const user = account.vertices.find(({ operands }) => operands?.some((operand) => operand.key === key));
  return user && stepOf.forward.get(user.key);
}

function look(key) {
  Object.assign(state, { focus: key, element: null });
  show();
}

function choose(key, index) {
  state.element = { key, index };
  show();
  document.activeElement.closest("[data-figure]")?.scrollIntoView({ block: "nearest" });
}

function play(on = !state.playing) {
  clearInterval(state.playing);
  state.playing = on ? setInterval(advance, PAUSE) : null;
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
  const { phase, node, sentence } = steps[state.step];
  const count = isBackward() ? "backward" : "forward";
  byId("place").replaceChildren(
    make("span", { class: `phase ${count}` }, count),
    ` step ${state.step + 1} of ${steps.length}${headline(phase, node)}`);
  byId("sentence").textContent = unbroken(sentence);
  byId("play").setAttribute("aria-label", state.playing ? "Pause" : "Play");
  byId("health").setAttribute("aria-pressed", state.health);
  document.body.dataset.phase = count;
  document.body.dataset.playing = Boolean(state.playing);
  showDots(sentence);
  graph.update(vertexState, edgeState, badge);
  graph.follow(state.focus ?? (phase === "given" ? null : account.output));
  showPanel();
}

/** A sentence in which no line breaks within ∂L/∂W. */
const unbroken = (text) => text.replaceAll("/∂", "/\u2060∂");

function headline(phase, node) {
  if (phase === "given") return " · what is given";
  if (phase === "done") return " · done";
  const { name } = vertices.get(node);
  if (phase === "forward") return ` · ${name}`;
  if (phase === "start") return ` · ${gradientName(node)}`;
  return ` · from ${name} to ${[...new Set(steps[state.step].shares.map(({ to }) => vertices.get(to).name))].join(" and ")}`;
}

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
  dots.setAttribute("aria-valuemax", steps.length);
  dots.setAttribute("aria-valuenow", state.step + 1);
  dots.setAttribute("aria-valuetext", `step ${state.step + 1}: ${sentence}`);
}

function vertexState(key) {
  const { phase, node, shares } = steps[state.step];
  const focus = key === state.focus ? "focus" : "";
  if (key === node) return `now ${focus}`;
  if (!isBackward()) {
    const waits = (stepOf.forward.get(key) ?? 0) > state.step;
    const feeds = node && vertices.get(node).operands.some((operand) => operand.key === key);
    return `${waits ? "todo" : "done"} ${feeds ? "near" : ""} ${focus}`;
  }
  const reached = received[state.step].has(key);
  const pulled = phase === "done" && reached || (stepOf.backward.get(key) ?? Infinity) < state.step;
  return `done ${reached ? "reached" : ""} ${pulled ? "pulled" : ""} ${shares.some(({ to }) => to === key) ? "near" : ""} ${focus}`;
}

function edgeState(pair) {
  const [from, to] = pair.split(">");
  const { node, shares } = steps[state.step];
  if (!isBackward()) return to === node ? "now" : (stepOf.forward.get(to) > state.step ? "todo" : "done");
  if (to === node && shares.some((share) => share.to === from)) return "now back";
  const pulled = (stepOf.backward.get(to) ?? Infinity) < state.step && vertices.get(from).gradient;
  return pulled ? "back" : "done";
}

function badge(key) {
  const got = received[state.step].get(key);
  if (!got) return "";
  const { uses } = vertices.get(key);
  const part = got.number < uses ? ` ${got.number}/${uses}` : "";
  const view = viewOf(got.total);
  return view.shape.length ? `∂${part}` : `∂ ${format(view.at([]), 3)}${part && ` (${part.trim()})`}`;
}

function showPanel() {
  const panel = byId("panel");
  const { phase } = steps[state.step];
  const held = document.activeElement?.closest("[data-figure]")?.dataset.figure;
  const scroll = panel.scrollTop;
  panel.replaceChildren(...present(state.health ? healthPanel() : state.focus ? valuePanel(state.focus) : phase === "given" ? givenPanel() : healthPanel()));
  byId("drill").replaceChildren(...present([state.element && elementCard(state.element)]));
  panel.scrollTop = scroll;
  if (held) panel.querySelector(`[data-figure="${held}"] [tabindex], [data-figure="${held}"] button`)?.focus({ preventScroll: true });
}

const present = (parts) => parts.filter((part) => part !== null && part !== undefined);

function givenPanel() {
  const leaves = account.vertices.filter(({ op }) => !op);
  return [make("h2", {}, "Given"), ...leaves.map((vertex) =>
    make("article", { class: "value half" }, make("h3", {}, nameButton(vertex.key), facts(vertex)), figure(vertex.key, vertex.value, "value", vertex.name, true)))];
}

function valuePanel(key) {
  const vertex = vertices.get(key);
  const head = [make("h2", {}, vertex.name, facts(vertex)), origin(vertex), ...vertex.marks.map(markLine)];
  const { phase, node } = steps[state.step];
  if (phase === "forward" || phase === "given") return [...head, ...forwardPanel(vertex)];
  if (phase === "backward" && node === key) return [...head, ...backwardPanel(vertex, steps[state.step])];
  return [...head, ...soFarPanel(vertex)];
}

function facts({ kind, op, value, dtype, params }) {
  const texts = [kind === "operation" || kind === "output" ? `${kind} ${op}` : kind, value.shape.length ? tuple(value.shape) : "scalar", dtype, params];
  return make("span", { class: "facts" }, texts.filter(Boolean).join(" · "));
}

function origin({ source }) {
  if (!source) return null;
  return make("p", { class: "source" }, make("b", {}, `${source.file}:${source.line}`), " ", make("code", {}, source.text));
}

function markLine({ symbol, level, text }) {
  return make("p", { class: `mark ${level}` }, make("b", {}, symbol), ` ${text}`);
}

function formulaLine(mathml) {
  if (!mathml) return null;
  const line = make("p", { class: "formula" });
  line.innerHTML = mathml;
  return line;
}

function forwardPanel(vertex) {
  const value = make("article", { class: "value" }, make("h3", {}, "value"), formulaLine(vertex.formula),
    figure(vertex.key, vertex.value, "value", vertex.name), numbers(vertex.value));
  if (!vertex.op) return [value];
  const operands = vertex.operands.filter(({ key }, i) => key && vertex.operands.findIndex((other) => other.key === key) === i);
  return [value, ...operands.map(({ key, name, value: stored }) =>
    make("article", { class: "value half" }, make("h3", {}, "from ", nameButton(key), facts(vertices.get(key))), figure(key, stored, "value", name, true)))];
}

function backwardPanel(vertex, { cameIn, shares }) {
  const name = gradientName(vertex.key);
  return [
    make("article", { class: "gradient half" }, make("h3", {}, `came in: ${name}`, shapeNote(cameIn)),
      figure(vertex.key, cameIn, "gradient", name, true), numbers(cameIn)),
    ...inView(shares).map((share) => shareCard(vertex, share)),
  ];
}

/** A sum that undoes a broadcast comes first: it is the longest to look at, and beside it stands what is summed. */
function inView(shares) {
  return [...shares.filter(({ raw }) => raw), ...shares.filter(({ raw }) => !raw)];
}

function shareCard(vertex, share) {
  const target = vertices.get(share.to);
  const name = gradientName(share.to);
  const several = target.uses > 1;
  const what = several ? `share ${share.number} of ${target.uses}` : "its whole gradient: one use";
  return make("article", { class: "gradient half" },
    make("h3", {}, "to ", nameButton(share.to), shapeNote(share.contribution), make("span", { class: "facts" }, what)),
    formulaLine(share.formula), share.note ? make("p", { class: "note" }, share.note) : null, share.raw && reduction(share),
    figure(share.to, share.contribution, "gradient", several ? `share of ${name}` : name, true), numbers(share.contribution),
    several ? make("h3", {}, `so far: ${name}`) : null,
    several ? figure(share.to, share.total, "gradient", name, true) : null);
}

/** A broadcast undone: the gradient of every copy, and the axes over which they are added up. */
function reduction({ raw, axes, to }) {
  const lengths = axes.map((axis) => raw.shape[axis]).join(" × ");
  const text = `Σ over ${axes.length === 1 ? "axis" : "axes"} ${axes.join(", ")} (${lengths}): ${tuple(raw.shape)} → ${tuple(vertices.get(to).value.shape)}`;
  return make("div", { class: "reduction" }, heatMap(raw, "gradient", "before the sum", { room: room(true) }), make("p", {}, `↓ ${text}`));
}

function soFarPanel(vertex) {
  const got = received[state.step].get(vertex.key);
  const name = gradientName(vertex.key);
  const note = got && got.number < vertex.uses ? ` so far, ${got.number} of ${vertex.uses} shares` : "";
  return [
    make("article", { class: "gradient" }, make("h3", {}, name + note, got && shapeNote(got.total)),
      got ? figure(vertex.key, got.total, "gradient", name) : make("p", { class: "note" }, vertex.gradient ? "nothing has come yet" : "needs no gradient"),
      got ? numbers(got.total) : null),
    make("article", { class: "value" }, make("h3", {}, "value"), formulaLine(vertex.formula), figure(vertex.key, vertex.value, "value", vertex.name), numbers(vertex.value)),
  ];
}

function shapeNote({ shape }) {
  return make("span", { class: "facts" }, shape.length ? tuple(shape) : "scalar");
}

function nameButton(key) {
  return make("button", { class: "name", onclick: () => look(key) }, vertices.get(key).name);
}

/** How wide a picture may be in a column of the panel, or across all of it. */
function room(half) {
  const width = byId("panel").clientWidth - 36;
  const columns = half ? Math.max(Math.floor((width + 20) / (COLUMN + 20)), 1) : 1;
  return Math.min((width + 20) / columns - 46, 900);
}

function figure(key, stored, family, name, half = false) {
  const { element } = state;
  const selected = element?.key === key ? element.index : null;
  const picture = heatMap(stored, family, name, { selected, room: room(half), onselect: (index) => choose(key, index) });
  picture.dataset.figure = `${family}-${key}-${stored.buffer}`;
  return picture;
}

/** The numbers themselves, where the picture has no room to write them. */
function numbers(stored) {
  const view = viewOf(stored);
  const { width, height } = view.size > 1 ? arrange(view.shape) : { width: 1, height: 1 };
  if (view.size <= 1 || fewCells({ width, height })) return null;
  return make("details", {}, make("summary", {}, "numbers"), excerpt(stored));
}

// drill down

function elementCard({ key, index }) {
  const vertex = vertices.get(key);
  const value = viewOf(vertex.value).at(index);
  const got = received[state.step].get(key);
  return make("article", { id: "element", "aria-live": "polite" },
    make("h3", {}, `element ${vertex.name}${subscript(index)}`, make("button", { class: "close", "aria-label": "Close", onclick: () => look(state.focus) }, "×")),
    got ? gradientSum(vertex, index, got) : null,
    make("section", { class: "value", "data-value": value }, make("h4", {}, `${vertex.name}${subscript(index)} = ${format(value, 6)}`), vertex.op ? forwardSum(vertex, index, value) : null));
}

function forwardSum(vertex, index) {
  const made = forwardTerms(vertex, index);
  if (made.text) return make("p", { class: "line" }, made.text);
  return make("div", {}, termTable(made.terms), made.after ? make("p", { class: "line" }, made.after) : null);
}

function gradientSum(vertex, index, { total }) {
  const uses = usesUpTo(vertex.key, state.step);
  const name = `${gradientName(vertex.key)}${subscript(index)}`;
  const value = viewOf(total).at(index);
  const heading = uses.length > 1 ? ` = ${uses.map(({ share }) => format(viewOf(share.contribution).at(index))).join(" + ")}` : "";
  return make("section", { class: "gradient", "data-gradient": value }, make("h4", {}, `${name}${heading} = ${format(value, 6)}`),
    uses.map(({ user, cameIn, share }) => useSum(user, cameIn, share, index)));
}

function usesUpTo(key, last) {
  return steps.slice(0, last + 1).flatMap(({ node, cameIn, shares }) =>
    shares.filter(({ to }) => to === key).map((share) => ({ user: vertices.get(node), cameIn, share })));
}

function useSum(user, cameIn, share, index) {
  const terms = backwardTerms(user, share.position, cameIn, gradientName(user.key), index);
  const through = `through ${user.name}`;
  if (!terms) return make("p", { class: "note" }, `${through}: ${format(viewOf(share.contribution).at(index), 6)} (too many terms to write down)`);
  if (!terms.length) return make("p", { class: "note" }, `${through}: 0, nothing depends on this element`);
  return make("div", {}, make("p", { class: "note" }, through), termTable(terms));
}

/** The terms that are not zero, and their sum. */
function termTable(terms) {
  const present = terms.filter(({ value }) => value !== 0);
  const zeros = terms.length - present.length;
  const rows = present.length ? present : terms.slice(0, 1);
  const body = make("tbody", {}, rows.slice(0, SHOWN_TERMS).map(termRow));
  const more = rows.length - SHOWN_TERMS;
  const all = more > 0 ? make("button", { onclick: ({ target }) => { body.append(...rows.slice(SHOWN_TERMS).map(termRow)); target.remove(); } }, `${more} more terms`) : null;
  const note = `Σ of ${terms.length} ${terms.length === 1 ? "term" : "terms"}${zeros && terms.length > 1 ? `, ${zeros} of them 0` : ""}`;
  return make("div", { class: "terms", "data-sum": sumOf(terms), "data-count": terms.length },
    make("table", {}, body, make("tfoot", {}, make("tr", {}, make("th", { colspan: 2 }, note), make("td", {}, `= ${format(sumOf(terms), 6)}`)))), all);
}

function termRow({ factors, value }) {
  return make("tr", {}, make("td", {}, factors.map(({ text }) => text).join(" · ")),
    make("td", {}, factors.map(({ value }) => bracket(format(value))).join(" · ")), make("td", {}, factors.length > 1 ? `= ${format(value)}` : ""));
}

// health

function healthPanel() {
  const parameters = account.vertices.filter(({ kind }) => kind === "parameter");
  const marked = account.vertices.filter(({ marks }) => marks.length);
  const row = ({ key, value, norms, gradient }) => make("tr", {}, make("td", {}, nameButton(key)), make("td", {}, dimensions(value.shape)),
    make("td", {}, norms[0]), make("td", {}, gradient ? norms[1] : "none"), make("td", {}, bar(Number(norms[1]), parameters)));
  return [
    make("h2", {}, "Health"),
    make("table", { class: "health" }, make("thead", {}, make("tr", {}, ["parameter", "shape", "‖value‖", "‖gradient‖", ""].map((text) => make("th", {}, text)))),
      make("tbody", {}, parameters.map(row))),
    ...marked.map(({ key, marks }) => make("article", {}, make("h3", {}, nameButton(key)), marks.map(markLine))),
    marked.length ? null : make("p", { class: "note" }, "No NaN, no Inf, no dead or saturated units, no vanishing or exploding gradient."),
  ];
}

/** A bar as long as the norm's share of the largest. */
function bar(norm, parameters) {
  const largest = Math.max(...parameters.map(({ norms }) => Number(norms[1]) || 0));
  return make("span", { class: "length gradient", style: `width: ${Math.round(100 * (norm / largest)) || 0}px` });
}

// keys and buttons

const keys = {
  ArrowRight: () => goTo(state.step + 1),
  ArrowLeft: () => goTo(state.step - 1),
  Home: () => goTo(0),
  End: () => goTo(steps.length - 1),
  b: () => goTo(turning),
  " ": () => play(),
  e: () => byId("panel").querySelector(".choose, button.lone")?.focus(),
  f: () => graph.fit(),
  "+": () => graph.zoom(1.25),
  "-": () => graph.zoom(0.8),
  h: () => byId("health").click(),
  t: turnTheme,
  "?": () => byId("keys").showModal(),
  Escape: () => { document.activeElement.blur(); look(steps[state.step].node); },
};

document.addEventListener("keydown", (event) => {
  const onButton = event.target.matches("button, summary") && (event.key === " " || event.key === "Enter");
  if (byId("keys").open || onButton || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
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
