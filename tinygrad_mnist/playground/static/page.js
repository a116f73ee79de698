// The page: its settings and drawing, which are its link; the training that it drives; and the keys.

const VIEWS = ["watch", "train", "step", "break", "grade", "code"];
const SLICE = 40;
const LOOK = 250;
const MOST_RUNS = 5;
const PIECE = 1 << 20;

const engine = new Engine();
const grader = new Engine();
const input = (/** @type {string} */ id) => /** @type {HTMLInputElement} */ (byId(id));
const button = (/** @type {string} */ id) => /** @type {HTMLButtonElement} */ (byId(id));

const state = {
  /** @type {Record<string, any>} */ defaults: {},
  /** @type {Record<string, any>} */ settings: {},
  view: "watch",
  /** @type {Run[]} */ runs: [],
  /** @type {Run[]} */ current: [],
  running: false,
  /** @type {Promise<void>} */ loop: Promise.resolve(),
  /** @type {{seen: Stored, label: number}[]} */ own: [],
  /** @type {Stored | null} */ seen: null,
  reading: false,
  stale: false,
  number: 0,
  listed: false,
};

const pad = new Pad(/** @type {HTMLCanvasElement} */ (byId("pad")), byId("cursor"), drawn);
const lossChart = new Chart(byId("losses"), "step", ({ losses }) => smoothed(losses));
const accuracyChart = new Chart(byId("accuracies"), "epoch", ({ epochs }) => epochs.map((epoch) => epoch.validation_accuracy));
const brokenChart = new Chart(byId("broken"), "step", ({ losses }) => smoothed(losses));

/** Say what went wrong, in a line, until something else is done. @param {unknown} error */
function complain(error) {
  byId("complaint").textContent = error instanceof Error ? error.message : String(error);
}

/** Do what may fail, and say so where it does. @param {() => Promise<void>} work */
async function attempt(work) {
  byId("complaint").textContent = "";
  try {
    await work();
  } catch (error) {
    complain(error);
  }
}

const say = (/** @type {string} */ text) => { byId("spoken").textContent = text; };

// the network and its data

const FIELDS = {
  network: { title: "Network", list: "networks", wide: true }, data: { title: "Data", from: "datasets" },
  activation: { title: "Activation", from: "activations" }, optimizer: { title: "Optimizer", from: "optimizers" },
  rate: { title: "Learning rate", number: "any" }, momentum: { title: "Momentum", number: "any" },
  batch_size: { title: "Batch", number: "1" }, augmentation: { title: "Augmentation", from: "augmentations" },
  init: { title: "Init", from: "inits" }, l2: { title: "Weight decay", number: "any" },
  dropout: { title: "Dropout", number: "any" }, seed: { title: "Seed", number: "1" },
};
/** @type {Record<string, string>} */
const DATA_NAMES = { digits: "1,500 digits", file: "dropped files", own: "my own digits" };

/** @param {Reply} hello */
function buildSettings(hello) {
  const fields = Object.entries(FIELDS).map(([name, field]) => {
    const control = "from" in field
      ? make("select", { name }, hello[field.from].map((/** @type {string} */ value) => make("option", { value }, DATA_NAMES[value] ?? value)))
      : make("input", { name, ..."number" in field ? { type: "number", step: field.number, min: 0 } : { list: "networks", spellcheck: "false" } });
    return make("label", { class: "wide" in field ? "wide" : null }, field.title, control);
  });
  const networks = hello.networks.map((/** @type {string} */ value) => make("option", { value }));
  byId("settings").replaceChildren(...fields, make("datalist", { id: "networks" }, networks));
}

/** @returns {NodeListOf<HTMLInputElement>} */
const controls = () => document.querySelectorAll("#settings [name]");

function showSettings() {
  for (const control of controls()) control.value = String(state.settings[control.name]);
  input("mistake").value = state.settings.mistake ?? "";
}

/** The number that a text is, or the text, of which Python says that it is none. @param {string} text */
const numberIn = (text) => (text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text));

function takeSettings() {
  const chosen = [...controls()].map(({ name, type, value }) => [name, type === "number" ? numberIn(value) : value.trim()]);
  return attempt(() => setUp({ ...state.settings, ...Object.fromEntries(chosen) }));
}

/** A new network by the settings, untrained; they are the page's once Python has taken them. */
async function setUp(settings = state.settings) {
  await pause();
  const reply = await engine.ask("set_up", settings);
  state.settings = settings;
  const { network } = settings;
  if (state.current[0]?.losses.length || !state.number) state.number += 1;
  const { mistake } = state.settings;
  const title = mistake ?? `${network}, ${state.settings.activation}, ${state.settings.optimizer} ${state.settings.rate}`;
  const name = `${state.number}: ${title}`;
  state.runs = [...state.runs.filter(({ losses }) => losses.length), ...state.current.filter(({ losses }) => losses.length)].slice(-MOST_RUNS + 2);
  state.current = [{ name, colour: mistake ? "--warning" : "--value", losses: [], epochs: [] }];
  if (mistake) state.current.push({ name: `${state.number}: the right one`, colour: "--value", width: 6, losses: [], epochs: [] });
  state.runs.forEach((run, i) => { run.colour = RUN_COLOURS[1 + ((state.runs.length - 1 - i) % (RUN_COLOURS.length - 1))]; run.dash = [6, 4]; });
  showNamed(reply.named);
  byId("progress").textContent = `step 0 · ${reply.parameters.toLocaleString("en")} weights · ${reply.examples.toLocaleString("en")} digits to learn from`;
  byId("signals").replaceChildren();
  byId("worst").replaceChildren();
  showClasses(reply.classes);
  writeLink();
  state.listed = false;
  await Promise.all([look(), listMistakes()]);
  showCharts();
}

/** @param {number} classes */
function showClasses(classes) {
  for (const id of ["label", "truth"]) {
    const select = input(id);
    if (select.children.length === classes) continue;
    select.replaceChildren(...Array.from({ length: classes }, (_, digit) => make("option", { value: digit }, String(digit))));
  }
}

/** What this network's backprop can get wrong, once somebody wants to know. */
async function listMistakes() {
  if (state.listed || (state.view !== "break" && !state.settings.mistake)) return;
  state.listed = true;
  const { mistakes } = await engine.ask("mistakes");
  const select = input("mistake");
  const options = mistakes.map((/** @type {Reply} */ { key, title, where, explanation }) =>
    make("option", { value: key, "data-explanation": `${where[0].toUpperCase()}${where.slice(1)}. ${explanation}` }, title));
  select.replaceChildren(make("option", { value: "" }, "none: the backprop is right"), ...options);
  select.value = state.settings.mistake ?? "";
  const chosen = /** @type {any} */ (select).selectedOptions[0];
  if (state.settings.mistake) state.current[0].name = `${state.number}: ${chosen.textContent}`;
  byId("explanation").replaceChildren(...chosen?.dataset.explanation ? [make("p", {}, chosen.dataset.explanation)] : []);
}

/** @param {Reply | null} named */
function showNamed(named) {
  byId("named").textContent = named ? named.text || "It sees nothing wrong." : "Choose a mistake.";
}

// training

/** @param {"end" | "step" | "epoch"} until */
async function train(until) {
  await pause();
  state.running = true;
  showRunning();
  state.loop = attempt(async () => {
    for (let last = 0; state.running;) {
      const reply = await engine.ask("advance", until === "step" ? { steps: 1 } : { milliseconds: SLICE });
      take(reply);
      const over = until === "step" || reply.diverged || (until === "epoch" && reply.finished_epoch);
      if (over) state.running = false;
      if (over || reply.finished_epoch || performance.now() - last > LOOK) {
        await look(reply.finished_epoch);
        last = performance.now();
      }
      showCharts();
    }
  }).finally(() => {
    state.running = false;
    showRunning();
  });
  return state.loop;
}

async function pause() {
  state.running = false;
  await state.loop;
}

/** @param {Reply} reply that of `advance` */
function take(reply) {
  [reply, reply.beside].forEach((told, i) => {
    if (!told || !state.current[i]) return;
    state.current[i].losses.push(...told.losses.map((/** @type {number | null} */ loss) => loss ?? NaN));
    state.current[i].epochs.push(...told.epochs);
  });
  const loss = state.current[0].losses.at(-1);
  const last = state.current[0].epochs.at(-1);
  const accuracy = last ? ` · ${percent(last.validation_accuracy)} of the digits held out` : "";
  byId("progress").textContent = `step ${reply.step} · epoch ${reply.epoch} · loss ${loss === undefined ? "…" : format(loss, 3)}${accuracy}`;
  byId("progress").dataset.accuracy = last?.validation_accuracy ?? "";
  byId("progress").dataset.step = reply.step;
  if (reply.signals) showSignals(reply.signals);
  if (reply.named) showNamed(reply.named);
  if (reply.diverged) complain(reply.diverged);
  if (reply.finished_epoch && last) say(`epoch ${last.number}: ${percent(last.validation_accuracy)}`);
}

/** Show the network as it stands, as far as the view needs it. @param {boolean} worst */
async function look(worst = false) {
  const asked = [read()];
  if (state.view === "train") {
    asked.push(engine.ask("weights").then(showWeights));
    if (worst) asked.push(engine.ask("worst").then(showWorst));
  }
  if (state.view === "code") asked.push(showCode());
  await Promise.all(asked);
}

function showRunning() {
  document.body.dataset.running = String(state.running);
  byId("run").textContent = state.running ? "Pause" : "Train";
  byId("state").textContent = state.running ? "training" : "ready";
}

function showCharts() {
  if (state.view === "train") {
    const runs = [...state.runs, ...state.current];
    lossChart.show(runs);
    accuracyChart.show(runs);
    showLegend(byId("legend"), runs);
  }
  if (state.view === "break") {
    const rightFirst = state.current.toReversed();
    brokenChart.show(rightFirst);
    showLegend(byId("broken-legend"), rightFirst);
  }
}

// the drawing

/** @param {boolean} done */
function drawn(done) {
  if (done) writeLink();
  if (engine.ready) read(done).catch(complain);
}

/** Read the drawing: one reading at a time, and after it the newest drawing. */
async function read(spoken = false) {
  state.stale = state.reading;
  if (state.reading || !document.body.dataset.ready) return;
  if (pad.empty) {
    state.seen = null;
    for (const id of ["label", "truth"]) delete byId(id).dataset.chosen;
    return forgetReading();
  }
  state.reading = true;
  try {
    const reply = await engine.ask("read", { image: pad.stored() });
    state.seen = reply.seen;
    showReading(reply, !state.current[0]?.losses.length);
    if (spoken) say(`It reads ${reply.answer} with ${percent(reply.sure)}`);
  } catch (error) { // a dot is no digit yet
    state.seen = null;
    forgetReading(error instanceof Error ? error.message : String(error));
  } finally {
    state.reading = false;
  }
  if (state.stale) await read(spoken);
}

/** @param {File} file */
async function pastePicture(file) {
  await pad.paste(file).catch(() => { throw new Error(`${file.name} is no picture that this browser can read`); });
}

async function keepDrawing() {
  if (!state.seen) throw new Error("draw a digit first");
  state.own.push({ seen: state.seen, label: Number(input("label").value) });
  const pixels = new Uint8Array(state.own.length * SIDE * SIDE);
  state.own.forEach(({ seen }, i) => pixels.set(bytesOf(seen.data), i * SIDE * SIDE));
  const images = { shape: [state.own.length, SIDE, SIDE], dtype: "uint8", data: textOf(pixels) };
  const { examples } = await engine.ask("own", { images, labels: state.own.map(({ label }) => label) });
  byId("kept").textContent = `${examples} kept: choose them under Train, Data`;
  pad.clear();
}

/** @param {Iterable<File>} files */
async function takeFiles(files) {
  for (const file of files) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    for (let from = 0; from === 0 || from < bytes.length; from += PIECE) {
      const more = from + PIECE < bytes.length;
      const reply = await engine.ask("data", { name: file.name, bytes: textOf(bytes.subarray(from, from + PIECE)), more });
      byId("dataset").textContent = reply.missing ?? `${reply.name}: ${reply.examples.toLocaleString("en")} digits`;
      if (reply.examples && !more && !reply.missing) {
        await setUp({ ...state.settings, data: "file" });
        showSettings();
      }
    }
  }
}

// step, grade, code

async function explore() {
  if (pad.empty) throw new Error("draw a digit first");
  const { html } = await engine.ask("explore", { image: pad.stored(), label: Number(input("truth").value) });
  showFrame(byId("explorer"), html, "The network, step by step", "allow-scripts");
}

/** @type {string | null} */
let gradedName = null;

async function judge() {
  const verdict = byId("verdict");
  if (!input("source").value.trim()) {
    verdict.className = "";
    verdict.textContent = "There is no program yet: paste one, or drop a file.";
    return;
  }
  const seconds = Math.min(Math.max(Number(input("limit").value) || 30, 1), 600);
  let ended = "";
  let timer;
  byId("report").replaceChildren();
  verdict.className = "";
  verdict.textContent = grader.link ? "grading …" : "starting a Python for your program …";
  button("judge").disabled = true;
  button("stop").disabled = false;
  button("stop").onclick = () => grader.stop("stopped: your program was ended");
  try {
    await grader.start();
    verdict.textContent = "grading …";
    ended = `ended after ${seconds} s: does your program loop without end?`;
    timer = setTimeout(() => grader.stop(ended), 1000 * seconds);
    const source = input("source").value;
    const name = gradedName ?? (source.trimStart().startsWith("{") ? "backprop.ipynb" : "backprop.py");
    const { passed, html } = await grader.ask("grade", { source, name });
    verdict.className = passed ? "good" : "bad";
    verdict.textContent = passed ? "Right: every gradient is what it should be." : "Not right yet: here is what was found.";
    showFrame(byId("report"), html, "What the grader found", "");
  } catch (error) {
    verdict.className = "bad";
    verdict.textContent = error instanceof Error ? error.message : String(error);
  } finally {
    clearTimeout(timer);
    button("judge").disabled = false;
    button("stop").disabled = true;
  }
}

/** @param {File} file */
async function takeProgram(file) {
  gradedName = file.name;
  input("source").value = await file.text();
  byId("verdict").textContent = `${file.name} is here: press Grade it`;
}

async function showCode() {
  const reply = await engine.ask("code");
  for (const part of ["expression", "recipe"]) byId(part).textContent = reply[part];
  const options = reply.command.split(/ (?=--)/); // a browser would break a line behind a hyphen
  byId("command").replaceChildren(...options.flatMap((/** @type {string} */ option) => [make("span", {}, option), " "]).slice(0, -1));
}

// the link

function writeLink() {
  if (!document.body.dataset.ready) return;
  const fields = Object.entries(state.settings).filter(([name, value]) => value !== null && value !== state.defaults[name]);
  const link = new URLSearchParams(fields.map(([name, value]) => [name, String(value)]));
  if (state.view !== "watch") link.set("view", state.view);
  if (!pad.empty) link.set("drawing", pad.text());
  history.replaceState(null, "", `#${link}`);
}

/** The settings as a link has them; what it lacks is as at first. @param {URLSearchParams} link */
function settingsOf(link) {
  const settings = { ...state.defaults };
  for (const [name, usual] of Object.entries(state.defaults)) {
    const text = link.get(name);
    if (text !== null) settings[name] = typeof usual === "number" ? numberIn(text) : text;
  }
  if (["file", "own"].includes(settings.data)) settings.data = "digits"; // they are not in the link
  return settings;
}

/** The state that a link holds; what is wrong with it is said, and is as at first. */
async function restore() {
  const link = new URLSearchParams(location.hash.slice(1));
  const view = link.get("view");
  /** @type {unknown} */
  let wrong;
  await setUp(settingsOf(link)).catch((error) => {
    wrong = error;
    return setUp({ ...state.defaults });
  });
  try {
    pad.restore(link.get("drawing") ?? "");
  } catch (error) {
    wrong = error;
  }
  showSettings();
  show(view && VIEWS.includes(view) ? view : state.view);
  if (wrong) complain(wrong);
}

// views and keys

/** @param {string} view */
function show(view) {
  state.view = view;
  for (const name of VIEWS) {
    const tab = byId(`tab-${name}`);
    tab.setAttribute("aria-selected", String(name === view));
    tab.tabIndex = name === view ? 0 : -1;
    byId(name).hidden = name !== view;
  }
  byId("controls").hidden = view === "grade";
  if (!document.body.dataset.ready) return;
  byId("complaint").textContent = "";
  if (view === "grade") grader.start().catch(complain);
  if (view === "break") listMistakes().catch(complain);
  writeLink();
  look(state.current.some(({ epochs }) => epochs.length)).catch(complain);
  showCharts();
}

function turnTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  repaint();
}

function repaint() {
  forgetColours();
  showCharts();
  if (document.body.dataset.ready) look().catch(complain);
}

/** @param {HTMLElement} home @param {(files: File[]) => Promise<void>} take */
function acceptDrops(home, take) {
  home.addEventListener("dragover", (event) => { event.preventDefault(); home.classList.add("over"); });
  home.addEventListener("dragleave", () => home.classList.remove("over"));
  home.addEventListener("drop", (event) => {
    event.preventDefault();
    home.classList.remove("over");
    attempt(() => take([...event.dataTransfer?.files ?? []]));
  });
}

/** @param {string} id @param {(files: File[]) => Promise<void>} take */
function acceptFiles(id, take) {
  input(id).addEventListener("change", () => {
    attempt(() => take([...input(id).files ?? []])).finally(() => { input(id).value = ""; });
  });
}

/** @param {string} id @param {(event: Event) => Promise<void>} work */
function onSubmit(id, work) {
  byId(id).addEventListener("submit", (event) => { event.preventDefault(); attempt(() => work(event)); });
}

/** @type {Record<string, () => void>} */
const KEYS = {
  p: () => button("run").click(), s: () => button("one-step").click(), e: () => button("one-epoch").click(),
  t: turnTheme, "?": () => /** @type {HTMLDialogElement} */ (byId("keys")).showModal(),
  ...Object.fromEntries(VIEWS.map((view, i) => [String(i + 1), () => show(view)])),
};

function wire() {
  byId("run").onclick = () => { if (state.running) pause(); else train("end"); };
  byId("one-step").onclick = () => train("step");
  byId("one-epoch").onclick = () => train("epoch");
  byId("reset").onclick = () => attempt(() => setUp());
  byId("clear").onclick = () => pad.clear();
  byId("rubber").onclick = () => { pad.rubber = !pad.rubber; byId("rubber").setAttribute("aria-pressed", String(pad.rubber)); };
  byId("theme").onclick = turnTheme;
  byId("help").onclick = KEYS["?"];
  byId("forget").onclick = () => { state.runs = []; showCharts(); };
  byId("settings").onchange = takeSettings;
  byId("mistake").onchange = () => {
    attempt(() => setUp({ ...state.settings, mistake: input("mistake").value || null }));
  };
  for (const id of ["label", "truth"]) byId(id).onchange = () => { byId(id).dataset.chosen = "true"; };
  byId("judge").onclick = () => judge();
  byId("source").oninput = () => { gradedName = null; };
  onSubmit("settings", takeSettings);
  onSubmit("keep", keepDrawing);
  onSubmit("explore", explore);
  acceptFiles("picture", ([file]) => pastePicture(file));
  acceptFiles("files", takeFiles);
  acceptFiles("program", ([file]) => takeProgram(file));
  acceptDrops(/** @type {HTMLElement} */ (document.querySelector(".board")), ([file]) => pastePicture(file));
  acceptDrops(byId("train"), takeFiles);
  acceptDrops(byId("source"), ([file]) => takeProgram(file));
  for (const view of VIEWS) byId(`tab-${view}`).onclick = () => show(view);
  byId("tabs").addEventListener("keydown", ({ key }) => {
    const move = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (!move) return;
    show(VIEWS[(VIEWS.indexOf(state.view) + move + VIEWS.length) % VIEWS.length]);
    byId(`tab-${state.view}`).focus();
  });
  for (const copy of /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll(".copy"))) {
    copy.onclick = () => attempt(async () => {
      await navigator.clipboard.writeText(copy.dataset.of ? byId(copy.dataset.of).textContent : location.href);
      say("copied");
    });
  }
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (/** @type {HTMLElement} */ (event.target).closest("input, select, textarea, dialog, #pad")) return;
    KEYS[event.key]?.();
  });
  addEventListener("hashchange", () => attempt(restore));
  addEventListener("resize", showCharts);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
}

async function begin() {
  const hello = await engine.ask("hello");
  state.defaults = hello.set_up;
  document.body.dataset.ready = "true";
  buildSettings(hello);
  await restore();
  showRunning();
  for (const id of ["run", "one-step", "one-epoch", "reset"]) button(id).disabled = false;
  /** @type {HTMLButtonElement} */ (document.querySelector("#explore button")).disabled = false;
  performance.mark("ready");
  say("ready");
}

wire();
show("watch");
showClasses(10);
forgetReading();
addEventListener("DOMContentLoaded", () => {
  attempt(begin).then(() => {
    if (!document.body.dataset.ready) byId("state").textContent = "Python did not start";
  });
});
