// The page's Python: Pyodide in a worker of its own, so that training never holds up the page and a loop can be ended.

/** @typedef {{text: Blob} | {url: string, integrity: string}} Part Compressed in the page, or pinned on a server. */

/** @type {Record<string, Part>} */
let parts = {};
/** @type {(request: string) => string} */
let answer;

const fetchOutside = globalThis.fetch;
globalThis.importScripts = () => { throw new TypeError("modules are imported here"); }; // so Pyodide takes it for a worker with modules

/** Pyodide's own requests are answered from the page's parts. @param {RequestInfo | URL} request */
globalThis.fetch = async (request) => {
  const name = String(request).split("/").at(-1) ?? "";
  if (!parts[name]) throw new TypeError("this page asks nobody for anything");
  return opened(name);
};

/**
 * A part as the response of a server, unpacked while it is read.
 * @param {string} name
 */
async function opened(name) {
  const part = parts[name];
  const headers = { "Content-Type": name.endsWith(".wasm") ? "application/wasm" : "application/octet-stream" };
  if ("url" in part) return new Response((await fetchOutside(part.url, { integrity: part.integrity })).body, { headers });
  const packed = bytesOfText(new Uint8Array(await part.text.arrayBuffer()));
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip")), { headers });
}

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;,=>?@^_`{|}~";

/** What page.py wrote in base 85: five letters are four bytes. @param {Uint8Array} text */
function bytesOfText(text) {
  const values = new Uint8Array(128);
  for (let i = 0; i < 85; i++) values[DIGITS.charCodeAt(i)] = i;
  const bytes = new DataView(new ArrayBuffer(4 * Math.ceil(text.length / 5)));
  for (let from = 0, to = 0; from < text.length; from += 5, to += 4) {
    let number = 0;
    for (let i = from; i < from + 5; i++) number = 85 * number + (i < text.length ? values[text[i]] : 84);
    bytes.setUint32(to, number);
  }
  return bytes.buffer.slice(0, Math.floor((4 * text.length) / 5));
}

const bytesOf = async (/** @type {string} */ name) => (await opened(name)).arrayBuffer();

/** @param {string} name */
async function load(name) {
  return import(URL.createObjectURL(new Blob([await bytesOf(name)], { type: "text/javascript" })));
}

/** Start Python, with NumPy and this package. */
async function start() {
  const archives = ["numpy.zip", "package.zip"].map(bytesOf);
  const [{ loadPyodide }, { default: createPyodideModule }] = await Promise.all(["pyodide.mjs", "pyodide.asm.mjs"].map(load));
  const lockFileContents = await (await opened("pyodide-lock.json")).json();
  const pyodide = await loadPyodide({ createPyodideModule, lockFileContents, indexURL: "https://page.invalid/" });
  parts = {};
  const folder = pyodide.runPython("import site; site.getsitepackages()[0]");
  for (const archive of archives) pyodide.unpackArchive(await archive, "zip", { extractDir: folder });
  answer = pyodide.runPython("from tinygrad_mnist.playground import Session; Session().answer");
}

onmessage = async ({ data }) => {
  try {
    if (!data.parts) return postMessage({ reply: answer(data.request) });
    parts = data.parts;
    await start();
    postMessage({ ready: true });
  } catch (error) {
    postMessage({ failure: String(error) });
  }
};
