// The exercise: a field for every gradient, a verdict on what is typed into it, and hints one by one.

/** @typedef {{along: string, value: Stored}} Path What comes back along one line that uses the value. */
/**
 * @typedef {{
 *   name: string, of: string, shape: Index, hints: string[], formula: string, lines: string[], uses: string[],
 *   paths: Path[], scale: number,
 * }} Task A gradient that is asked for.
 */
/** @typedef {{name: string, source: string, shape: string}} Source A line of the forward pass. */
/**
 * @typedef {{
 *   loss: string, fingerprint: string, helpers: string, given: {name: string, shape: string}[], forward: Source[], values: {name: string, value: Stored}[], tasks: Task[],
 *   words: Record<string, string>, right: string[], tolerance: number,
 * }} Exercise
 */
/** @typedef {{kind: string, facts: Record<string, string | number>}} Verdict */
/** @typedef {{answers: Record<string, string>, hints: Record<string, number>}} Progress */

const exercise = /** @type {Account & Exercise} */ (account);
const place = `tinygrad-mnist exercise ${exercise.fingerprint}`;

/** @param {Stored} stored */
function arrayOf(stored) {
  const { shape, values } = viewOf(stored);
  return new NDArray(shape, values);
}

const known = new Map(exercise.values.map(({ name, value }) => [name, arrayOf(value)]));
const keys = new Map(exercise.tasks.map(({ name, paths }) => {
  const shares = paths.map(({ along, value }) => ({ along, array: arrayOf(value) }));
  return [name, { shares, right: shares.map(({ array }) => array).reduce((a, b) => elementwise(operators["+"], [a, b])) }];
}));

/**
 * The value of a formula for a gradient, in terms of the forward pass and of the gradients above it.
 * @param {Task} task
 * @param {string} formula
 * @param {Map<string, NDArray>} own
 */
function computed(task, formula, own = new Map()) {
  const above = exercise.tasks.slice(0, exercise.tasks.indexOf(task)).map(({ name }) => name);
  return evaluate(formula, (name) => {
    if (keys.has(name) && !above.includes(name)) throw new FormulaError(name === task.name ? `${name} is what is asked for` : `${name} comes below: it is not known yet`);
    return own.get(name) ?? known.get(name) ?? keys.get(name)?.right ?? (name === `d${exercise.loss}` ? scalar(1) : undefined);
  });
}

// verdicts, as judging.py has them

/**
 * @param {NDArray} a
 * @param {NDArray} b
 * @param {number} tolerance
 */
function isNear(a, b, tolerance) {
  const near = (/** @type {number} */ x, /** @type {number} */ y) => x === y || Math.abs(x - y) <= tolerance || (Number.isNaN(x) && Number.isNaN(y));
  return String(a.shape) === String(b.shape) && a.values.every((x, i) => near(x, b.values[i]));
}

/**
 * @param {Task} task
 * @param {NDArray} given
 * @returns {Verdict}
 */
function judge(task, given) {
  const { shares, right } = /** @type {{shares: {along: string, array: NDArray}[], right: NDArray}} */ (keys.get(task.name));
  const tolerance = exercise.tolerance * task.scale;
  const near = (/** @type {NDArray} */ x, y = right) => isNear(x, y, tolerance);
  if (String(given.shape) !== String(right.shape)) return ofShape(given, right, near);
  const odd = given.values.filter((x, i) => !Number.isFinite(x) && Number.isFinite(right.values[i])).length;
  if (odd) return { kind: "nan", facts: { count: odd, size: right.size } };
  if (near(given)) return { kind: isNear(given, right, 0) ? "exact" : "rounding", facts: {} };
  return ofFactor(given, right, tolerance) ?? ofPaths(given, right, shares, near)
    ?? (near(reversed(given)) ? { kind: "transposed", facts: { given: tuple(given.shape) } } : ofPlaces(given, right, tolerance));
}

/**
 * @param {NDArray} given
 * @param {NDArray} right
 * @param {(x: NDArray) => boolean} near
 * @returns {Verdict}
 */
function ofShape(given, right, near) {
  const facts = { given: tuple(given.shape) };
  const sums = given.shape.flatMap((_, axis) => [0, 1].map((keep) => ({ axis, array: reduce(given, { axis: scalar(axis), keepdims: scalar(keep) }, total) })));
  const summed = sums.filter(({ array }) => String(array.shape) === String(right.shape));
  const unsummed = summed.find(({ array }) => near(array));
  if (near(reversed(given))) return { kind: "transposed", facts };
  if (given.size === right.size && near(reshape(given, right.shape))) return { kind: "arranged", facts };
  if (broadcasts(given.shape, right.shape) && near(elementwise((x) => x, [given, right]))) return { kind: "arranged", facts };
  if (unsummed) return { kind: "unsummed", facts: { ...facts, axis: unsummed.axis } };
  if (String(reversed(given).shape) === String(right.shape)) return { kind: "fits-transposed", facts };
  return summed.length ? { kind: "fits-summed", facts: { ...facts, axis: summed[0].axis } } : { kind: "shape", facts };
}

/**
 * @param {Index} shape
 * @param {Index} target
 */
function broadcasts(shape, target) {
  return shape.length <= target.length && shape.every((n, i) => n === 1 || n === target[target.length - shape.length + i]);
}

/**
 * @param {NDArray} given
 * @param {NDArray} right
 * @param {number} tolerance
 * @returns {Verdict | null}
 */
function ofFactor(given, right, tolerance) {
  const dot = (/** @type {NDArray} */ a, /** @type {NDArray} */ b) => total(Array.from(a.values, (x, i) => x * b.values[i]));
  if (given.values.every((x) => x === 0)) return { kind: "zero", facts: {} };
  const factor = dot(given, right) / dot(right, right);
  const scaled = elementwise((x) => factor * x, [right]);
  if (!(Math.abs(factor) > 1e-6) || !isNear(given, scaled, tolerance * Math.max(Math.abs(factor), 1))) return null;
  const times = Math.max(Math.abs(factor), 1 / Math.abs(factor));
  const by = Math.abs(factor) > 1 ? "large" : "small";
  const kind = factor > 0 ? by : times < 1 + 1e-4 ? "sign" : `sign-${by}`;
  return { kind, facts: { factor: String(Number(times.toPrecision(4))) } };
}

/**
 * @param {NDArray} given
 * @param {NDArray} right
 * @param {{along: string, array: NDArray}[]} shares
 * @param {(x: NDArray, y: NDArray) => boolean} near
 * @returns {Verdict | null}
 */
function ofPaths(given, right, shares, near) {
  const combined = (/** @type {string} */ sign, /** @type {NDArray} */ array) => elementwise(operators[sign], [right, array]);
  /** @type {[string, (array: NDArray) => NDArray][]} */
  const kinds = [["path", (array) => combined("-", array)], ["alone", (array) => array], ["twice", (array) => combined("+", array)]];
  for (const [kind, result] of shares.length > 1 ? kinds : []) {
    const found = shares.find(({ array }) => near(given, result(array)));
    if (found) return { kind, facts: { along: found.along, count: shares.length } };
  }
  return null;
}

/**
 * @param {NDArray} given
 * @param {NDArray} right
 * @param {number} tolerance
 * @returns {Verdict}
 */
function ofPlaces(given, right, tolerance) {
  const wrong = [...right.values.keys()].filter((i) => !(Math.abs(given.values[i] - right.values[i]) <= tolerance || given.values[i] === right.values[i]));
  for (const axis of right.shape.length === 2 ? [0, 1] : []) {
    const places = new Set(wrong.map((i) => unravel(i, right.shape)[axis]));
    if (places.size === 1 && right.shape[axis] > 2) return { kind: axis ? "column" : "row", facts: { index: [...places][0] } };
  }
  if (wrong.length === right.size) return { kind: "differs", facts: {} };
  return { kind: "some", facts: { count: wrong.length, size: right.size, index: subscript(unravel(wrong[0], right.shape)) } };
}

/**
 * @param {Task} task
 * @param {Verdict} verdict
 */
function sentenceOf({ of, shape }, { kind, facts }) {
  /** @type {Record<string, string | number>} */
  const all = { of, shape: tuple(shape), ...facts };
  return exercise.words[kind].replace(/\{(\w+)\}/g, (_, name) => String(all[name]));
}

// what is kept

/** @returns {Progress} */
function kept() {
  try {
    return JSON.parse(localStorage.getItem(place) ?? "") ?? { answers: {}, hints: {} };
  } catch {
    return { answers: {}, hints: {} };
  }
}

const progress = kept();
/** @type {Set<string>} */
const done = new Set();

function keep() {
  try {
    localStorage.setItem(place, JSON.stringify(progress));
  } catch {
    // a browser that keeps nothing: the exercise works all the same
  }
}

// the page

/** Whether the formulas of this page reach a solution; where they don't, it is given. @param {Task} task */
function isWithinReach(task) {
  try {
    /** @type {Map<string, NDArray>} */
    const own = new Map();
    for (const line of task.lines) {
      const [name, formula] = splitLine(line);
      own.set(name, computed(task, formula, own));
    }
    return exercise.right.includes(judge(task, /** @type {NDArray} */ (own.get(task.name))).kind);
  } catch {
    return false;
  }
}

/** @param {string} line */
function splitLine(line) {
  const at = line.indexOf(" = ");
  return [line.slice(0, at), line.slice(at + 3).split("  # ")[0]];
}

/** @param {Source} line */
function sourceLine({ name, source, shape }) {
  return make("li", { "data-name": name }, make("code", {}, source), make("span", { class: "facts" }, shape));
}

/** @param {Task} task */
function card(task) {
  const { name, of, shape, lines, hints } = task;
  const heading = make("h2", { id: `title-${name}` }, name, make("span", { class: "facts" }, `${shape.length ? tuple(shape) : "a number"}, like ${of}`));
  const element = make("section", { class: "task", "data-task": name, "aria-labelledby": `title-${name}`, onfocusin: () => light(task) }, heading);
  if (!isWithinReach(task)) {
    element.append(make("p", { class: "note" }, "This page can't compute it from a formula, so it is given:"), make("pre", {}, lines.join("\n")));
    done.add(name);
    return element;
  }
  const input = make("input", { id: `answer-${name}`, autocomplete: "off", autocapitalize: "off", spellcheck: "false", "aria-labelledby": `title-${name}`, value: progress.answers[name] ?? "" });
  const verdict = make("p", { class: "verdict", "aria-live": "polite" });
  const list = make("ol", { class: "hints" });
  const hint = make("button", { type: "button", class: "hint", onclick: () => more() });
  const check = () => {
    progress.answers[name] = input.value;
    const [text, state] = verdictOn(task, input.value);
    verdict.textContent = text;
    verdict.className = `verdict ${state}`;
    element.classList.toggle("right", state === "right");
    if (state === "right") done.add(name);
    else done.delete(name);
    keep();
    showProgress();
  };
  const more = () => {
    progress.hints[name] = Math.min((progress.hints[name] ?? 0) + 1, hints.length + 2);
    keep();
    showHints();
  };
  const showHints = () => {
    const count = progress.hints[name] ?? 0;
    const formula = make("div", { class: "formula" });
    formula.innerHTML = task.formula;
    const all = [...hints.map((text) => make("li", {}, text)), make("li", {}, formula), make("li", {}, make("pre", {}, lines.join("\n")))];
    list.replaceChildren(...all.slice(0, count));
    const last = all.length - 1;
    hint.hidden = count > last;
    hint.textContent = count === last ? "show the solution" : `hint ${count + 1} of ${last}`;
  };
  const form = make("form", {}, make("label", { for: input.id }, "="), input, make("button", {}, "check"), hint);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    check();
  });
  element.append(form, verdict, list);
  showHints();
  if (progress.answers[name]) check();
  return element;
}

/**
 * What is said about an answer, and whether it is right.
 * @param {Task} task
 * @param {string} text
 */
function verdictOn(task, text) {
  const formula = text.replace(/^\s*([\p{L}\p{N}_]+)\s*=(?!=)/u, (all, name) => (name === task.name ? "" : all));
  if (!formula.trim()) return [exercise.words.missing, ""];
  try {
    const verdict = judge(task, computed(task, formula));
    const right = exercise.right.includes(verdict.kind);
    return [`${right ? "✓" : "✗"} ${sentenceOf(task, verdict)}`, right ? "right" : "wrong"];
  } catch (error) {
    if (!(error instanceof FormulaError)) throw error;
    return [`✗ ${error.message}`, "wrong"];
  }
}

/** Mark the line that computes a value, and those that use it. @param {Task} task */
function light({ of, uses }) {
  for (const line of document.querySelectorAll("#lines li")) {
    const name = line.getAttribute("data-name") ?? "";
    line.classList.toggle("of", name === of);
    line.classList.toggle("use", uses.includes(name));
  }
}

function showProgress() {
  const count = exercise.tasks.length;
  byId("place").textContent = `${done.size} of ${count} right`;
  byId("progress").setAttribute("aria-valuemax", String(count));
  byId("progress").setAttribute("aria-valuenow", String(done.size));
  byId("progress").replaceChildren(...exercise.tasks.map(({ name }) => make("span", { title: name, class: done.has(name) ? "right" : "" })));
}

function showTasks() {
  done.clear();
  byId("tasks").replaceChildren(...exercise.tasks.map(card));
  showProgress();
}

byId("sentence").textContent =
  `Fill in the gradient of every value, from ${exercise.loss} back: dz is ∂${exercise.loss}/∂z, and d${exercise.loss} is 1. ` +
  "Any of them may be used below, whether it is filled in or not.";
byId("given").append(...exercise.given.map(({ name, shape }) => make("span", {}, make("code", {}, name), make("span", { class: "facts" }, shape))));
byId("lines").append(...exercise.forward.map(sourceLine));
byId("helpers").textContent = exercise.helpers;
byId("functions").hidden = !exercise.helpers;
byId("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
byId("again").addEventListener("click", () => {
  [progress.answers, progress.hints] = [{}, {}];
  keep();
  showTasks();
});
showTasks();
const header = /** @type {HTMLElement} */ (document.querySelector("header"));
new ResizeObserver(() => document.documentElement.style.setProperty("--header", `${header.offsetHeight + 16}px`)).observe(header);
