// Several orders of the backward pass over one graph, stepped together.

/**
 * @typedef {{
 *   from: string, to: string, early: boolean, again: boolean, total: Stored, sentence: string,
 * }} Send A node sends an input its share of the gradient.
 */
/** @typedef {{title: string, events: Send[], wrong: string[], verdict: string}} Run One order of the backward pass. */
/** @typedef {{run: Run, sentence: HTMLElement, table: HTMLElement, graph: Graph}} Pane */

const { runs } = /** @type {Account & {runs: Run[]}} */ (account);
const total = Math.max(...runs.map(({ events }) => events.length)) + 1;
const withGradient = account.vertices.flatMap(({ key, name, gradient }) => (gradient ? [{ key, name, gradient }] : [])).reverse();
let step = 0;

const panes = runs.map((run) => {
  const host = make("div", { class: "drawing" });
  const sentence = make("p", { class: "sentence", "aria-live": "polite" });
  const table = make("table", { class: "totals" });
  byId("runs").append(make("section", { class: "run", "aria-label": run.title }, make("h2", {}, run.title), host, sentence, table));
  return { run, sentence, table, graph: new Graph(host, () => {}) };
});

/** @param {number} place */
function goTo(place) {
  step = Math.min(Math.max(place, 0), total);
  byId("place").textContent = `step ${step} of ${total}`;
  panes.forEach(showRun);
  showDots();
}

/** @param {Pane} pane */
function showRun({ run, sentence, table, graph }) {
  const events = run.events.slice(0, step);
  const now = run.events[step - 1];
  const over = step > run.events.length;
  const seed = withGradient.filter(({ key }) => key === account.output);
  const sent = events.map(({ to, total: stored }) => ({ key: to, gradient: stored }));
  const got = new Map([...seed, ...sent].map(({ key, gradient }) => [key, viewOf(gradient)]));
  const wrong = (/** @type {string} */ key) => over && run.wrong.includes(key);
  graph.update(
    (key) => `done ${got.has(key) ? "reached" : ""} ${now?.from === key ? "now" : ""} ${now?.to === key ? "near" : ""}` +
      ` ${wrong(key) || (now?.from === key && (now.early || now.again)) ? "wrong" : ""}`,
    (pair) => (now && pair === `${now.to}>${now.from}` ? "now back" : events.some(({ from, to }) => pair === `${to}>${from}`) ? "back" : "done"),
    (key) => {
      const view = got.get(key);
      return view ? `∂ ${shown(view)}${wrong(key) ? " ✗" : ""}` : "";
    });
  sentence.textContent = over ? run.verdict : now ? now.sentence : start();
  sentence.className = `sentence ${over ? (run.wrong.length ? "bad" : "good") : now?.early || now?.again ? "bad" : ""}`;
  table.replaceChildren(header(), ...withGradient.map((vertex) => row(vertex, got.get(vertex.key), over)));
}

function start() {
  const { name } = vertexOf(account.output);
  return `The gradient of ${name} is 1.`;
}

/** @param {View} view */
function shown(view) {
  return view.size === 1 ? format(view.flat(0)) : dimensions(view.shape);
}

function header() {
  return make("tr", {}, ["", "so far", "right", ""].map((text) => make("th", {}, text)));
}

/**
 * @param {{key: string, name: string, gradient: Stored}} vertex
 * @param {View | undefined} view
 * @param {boolean} over
 */
function row({ name, gradient, key }, view, over) {
  const right = viewOf(gradient);
  const equal = view && right.values.every((x, i) => Math.abs(x - view.values[i]) < 1e-9);
  const { name: output } = vertexOf(account.output);
  return make("tr", { "data-key": key, class: over && !equal ? "bad" : "" }, make("th", {}, `∂${output}/∂${name}`),
    make("td", {}, view ? shown(view) : "–"), make("td", {}, shown(right)), make("td", {}, over ? (equal ? "✓" : "✗") : ""));
}

function showDots() {
  const dots = byId("dots");
  if (!dots.children.length) {
    dots.append(...Array.from({ length: total + 1 }, (_, number) => make("span", { class: "gradient", onclick: () => goTo(number) })));
  }
  [...dots.children].forEach((dot, number) => {
    dot.classList.toggle("done", number <= step);
    dot.classList.toggle("now", number === step);
  });
  dots.setAttribute("aria-valuemax", String(total));
  dots.setAttribute("aria-valuenow", String(step));
  dots.setAttribute("aria-valuetext", panes.map(({ sentence }) => sentence.textContent).join(" / "));
}

function turnTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
}

/** @type {Record<string, () => void>} */
const keys = {
  ArrowRight: () => goTo(step + 1), ArrowLeft: () => goTo(step - 1), Home: () => goTo(0), End: () => goTo(total), t: turnTheme,
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});
const buttons = { first: keys.Home, previous: keys.ArrowLeft, next: keys.ArrowRight, last: keys.End, theme: turnTheme };
for (const [id, act] of Object.entries(buttons)) byId(id).addEventListener("click", () => act());

goTo(0);
