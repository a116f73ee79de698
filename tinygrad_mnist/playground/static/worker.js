// The page's Python: Pyodide in a worker of its own, so that training never holds up the page and a loop can be ended.

/** @typedef {{text: Blob} | {url: string, integrity: string}} Part Compressed in the page, or pinned on a server. */

/** @type {Record<string, Promise<Response>>} What Pyodide asks for, each once. */
let responses = {};
/** @type {(request: string) => string} */
let answer;

const fetchOutside = globalThis.fetch;
globalThis.importScripts = () => { throw new TypeError("modules are imported here"); }; // so Pyodide takes it for a worker with modules

/** Pyodide's own requests are answered from the page's parts. @param {RequestInfo | URL} request */
globalThis.fetch = async (request) => {
  const name = String(request).split("/").at(-1) ?? "";
  if (!responses[name]) throw new TypeError("this page asks nobody for anything");
  return responses[name];
};

/**
 * A part as the response of a server, unpacked while it is read.
 * @param {string} name
 * @param {Part} part
 */
async function opened(name, part) {
  const headers = { "Content-Type": name.endsWith(".wasm") ? "application/wasm" : "application/octet-stream" };
  if ("url" in part) return new Response((await pinned(part)).body, { headers });
  const packed = bytesOfText(new Uint8Array(await part.text.arrayBuffer()));
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip")), { headers });
}

/** A file from its server; one with other content is refused. @param {{url: string, integrity: string}} part */
async function pinned({ url, integrity }) {
  try {
    return await fetchOutside(url, { integrity });
  } catch {
    throw new Error(`${url} cannot be reached, or is not the file that this page was made for: a page written with --pyodide has it inside`);
  }
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

const bytesOf = async (/** @type {string} */ name) => (await responses[name]).arrayBuffer();

/** @param {string} name */
async function load(name) {
  return import(URL.createObjectURL(new Blob([await bytesOf(name)], { type: "text/javascript" })));
}

/** Start Python, with NumPy and this package. @param {Record<string, Part>} parts */
async function start(parts) {
  responses = Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, opened(name, part)]));
  await Promise.all(Object.values(responses)); // Pyodide would wait on and on for one that fails
  const archives = ["numpy.zip", "package.zip"].map(bytesOf);
  const [{ loadPyodide }, { default: createPyodideModule }] = await Promise.all(["pyodide.mjs", "pyodide.asm.mjs"].map(load));
  const lockFileContents = await (await responses["pyodide-lock.json"]).json();
  const pyodide = await loadPyodide({ createPyodideModule, lockFileContents, indexURL: "https://page.invalid/" });
  responses = {};
  const folder = pyodide.runPython("import site; site.getsitepackages()[0]");
  for (const archive of archives) pyodide.unpackArchive(await archive, "zip", { extractDir: folder });
  answer = pyodide.runPython("from tinygrad_mnist.playground import Session; Session().answer");
}

onmessage = async ({ data }) => {
  try {
    if (!data.parts) return postMessage({ reply: answer(data.request) });
    await start(data.parts);
    postMessage({ ready: true });
  } catch (error) {
    postMessage({ failure: error instanceof Error ? error.message : String(error) });
  }
};
