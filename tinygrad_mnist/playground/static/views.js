// What is shown of the network: the answer, its layers, weights, signals and mistakes.

/** @type {Map<string, Picture>} */
const pictures = new Map();

/**
 * The picture of this name in a row of them, made where it is new.
 * @param {HTMLElement} home
 * @param {string} name
 * @param {Family} family
 */
function pictureIn(home, name, family = "value") {
  const key = `${home.id} ${name}`;
  const found = pictures.get(key) ?? picture(family);
  pictures.set(key, found);
  if (found.figure.parentNode !== home) home.append(found.figure);
  return found;
}

/** Take away the pictures whose names are no more. @param {HTMLElement} home @param {string[]} names */
function keepPictures(home, names) {
  for (const [key, { figure }] of pictures) {
    if (figure.parentNode !== home || names.some((name) => key === `${home.id} ${name}`)) continue;
    figure.remove();
    pictures.delete(key);
  }
}

const percent = (/** @type {number} */ share) => `${(100 * share).toFixed(1)} %`;

/** @param {ArrayLike<number>} probabilities @param {number} answer */
function showBars(probabilities, answer) {
  const home = byId("bars");
  while (home.children.length > probabilities.length) home.lastChild?.remove();
  while (home.children.length < probabilities.length) {
    home.append(make("div", { class: "bar-row" }, make("span", {}, String(home.children.length)), make("i"), make("span")));
  }
  [...home.children].forEach((row, digit) => {
    row.classList.toggle("best", digit === answer);
    /** @type {HTMLElement} */ (row.children[1]).style.width = `${100 * probabilities[digit]}%`;
    row.children[2].textContent = percent(probabilities[digit]);
  });
}

/** @param {Reply} reply that of `read` @param {boolean} untrained */
function showReading(reply, untrained) {
  const hint = untrained ? ", untrained: press Train" : "";
  byId("answer").replaceChildren("It reads ", make("b", {}, String(reply.answer)), ` with ${percent(reply.sure)}${hint}`);
  byId("answer").dataset.answer = reply.answer;
  byId("doubts").textContent = reply.doubts.join("; ");
  for (const id of ["label", "truth"]) if (!byId(id).dataset.chosen) input(id).value = reply.answer;
  showBars(numbersOf(reply.probabilities), reply.answer);
  if (!byId("watch").hidden) showLayers(reply);
}

/** @param {Reply} reply */
function showLayers({ seen, layers, saliency, nearest, answer, second }) {
  const inputs = byId("inputs");
  paintInto(pictureIn(inputs, "seen"), "seen", "cropped, scaled, centred: 28 × 28", seen, { family: "ink", width: 196 });
  const change = `∂(z of ${answer} − z of ${second})/∂pixel`;
  paintInto(pictureIn(inputs, "what would change it", "gradient"), "what would change it", change, saliency, { family: "gradient", width: 196 });
  const home = byId("layers");
  keepPictures(home, layers.map((/** @type {Reply} */ { name }) => name));
  for (const { name, kind, values } of layers) {
    paintInto(pictureIn(home, name), name, `${kind}, ${dimensions(values.shape)}`, values, { width: home.clientWidth - 20 });
  }
  const figures = nearest.map((/** @type {Reply} */ { image, label, distance }) => digitFigure(image, `a ${label}, at ${format(distance, 3)}`));
  byId("neighbours").replaceChildren(make("figure", { class: "card" },
    make("figcaption", {}, make("b", {}, "nearest"), " ", make("span", {}, "digits to learn from, by the distance of their pixels")),
    make("div", { class: "digits" }, figures)));
}

function forgetReading(why = "nothing drawn yet") {
  byId("answer").textContent = why;
  delete byId("answer").dataset.answer;
  byId("doubts").textContent = "";
  showBars(new Float32Array(10), -1);
  for (const id of ["inputs", "layers"]) keepPictures(byId(id), []);
  byId("neighbours").replaceChildren();
}

/** @param {Reply} reply that of `weights` */
function showWeights({ layers }) {
  const home = byId("weights");
  keepPictures(home, layers.map((/** @type {Reply} */ { name }) => name));
  for (const { name, images } of layers) {
    const [count, height, width] = images.shape;
    const flat = width === SIDE ? { ...images, shape: [count, height * width] } : images;
    const filters = width === SIDE ? `${count} units, each looks at 28 × 28 pixels` : `${count} filters of ${height} × ${width}`;
    paintInto(pictureIn(home, name), name, filters, flat, { width: Math.min(innerWidth - 60, 640) });
  }
}

const SIGNALS = {
  layer: "layer", activation_mean: "mean", activation_std: "spread", dead_share: "dead units", error_norm: "|δ|",
  gradient_norm: "|∂L/∂W|", weight_norm: "|W|",
};

/** @param {Reply[]} signals */
function showSignals(signals) {
  const head = make("tr", {}, Object.values(SIGNALS).map((title) => make("th", { scope: "col" }, title)));
  const rows = signals.map((signal) => make("tr", {}, Object.keys(SIGNALS).map((key) => {
    const value = signal[key];
    if (key === "layer") return make("th", { scope: "row" }, String(value));
    const text = value === null || value === undefined ? "–" : key === "dead_share" ? percent(value) : format(value, 3);
    return make("td", { class: key === "dead_share" && value > 0.5 ? "bad" : null }, text);
  })));
  byId("signals").replaceChildren(make("thead", {}, head), make("tbody", {}, ...rows));
}

/** @param {Reply} reply that of `worst` */
function showWorst({ digits }) {
  byId("worst").replaceChildren(...digits.map((/** @type {Reply} */ { image, label, answer, probability }) =>
    digitFigure(image, answer === label ? `${label}, ${percent(probability)}` : `${label} read as ${answer}`)));
}

/**
 * A page of ours, in view, in a frame that can reach nothing around it.
 * @param {HTMLElement} home
 * @param {string} html
 * @param {string} title
 * @param {string} sandbox
 */
function showFrame(home, html, title, sandbox) {
  const theme = document.documentElement.dataset.theme;
  const themed = theme ? html.replace('<html lang="en">', `<html lang="en" data-theme="${theme === "dark" ? "dark" : "light"}">`) : html;
  home.replaceChildren(make("iframe", { srcdoc: themed, title, sandbox }));
  home.scrollIntoView({ block: "nearest" });
}
