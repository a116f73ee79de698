// The page's Python: Pyodide in a worker of its own, so that training never holds up the page and a loop can be ended.
globalThis.importScripts = () => { throw new TypeError("modules are imported here"); };

/** @typedef {{text: Blob} | {url: string, integrity: string}} Part Compressed in the page, or pinned on a server. */

/** What Pyodide asks for, answered from here: it asks nobody else. */
const fetched = new Map();
/** @type {(request: string) => string} */
let answer;

/**
 * The bytes of a part.
 * @param {Part} part
 */
async function bytesOf(part) {
  if ("url" in part) return new Uint8Array(await (await fetch(part.url, { integrity: part.integrity })).arrayBuffer());
  const text = atob(await part.text.text());
  const packed = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** @param {Uint8Array} source */
const load = (source) => import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));

/**
 * Start Python, with NumPy and this package.
 * @param {Record<string, Part>} parts
 */
async function start(parts) {
  const names = Object.keys(parts);
  const all = await Promise.all(names.map((name) => bytesOf(parts[name])));
  const files = Object.fromEntries(names.map((name, i) => [name, all[i]]));
  const types = { "pyodide.asm.wasm": "application/wasm", "python_stdlib.zip": "application/zip" };
  for (const [name, type] of Object.entries(types)) fetched.set(name, { bytes: files[name], type });
  globalThis.fetch = async (request) => {
    const found = fetched.get(String(request).split("/").at(-1));
    if (!found) throw new TypeError("this page asks nobody for anything");
    return new Response(found.bytes, { headers: { "Content-Type": found.type } });
  };
  postMessage({ progress: "Python" });
  const { loadPyodide } = await load(files["pyodide.mjs"]);
  const { default: createPyodideModule } = await load(files["pyodide.asm.mjs"]);
  const pyodide = await loadPyodide({
    createPyodideModule, indexURL: "https://page.invalid/", lockFileContents: JSON.parse(new TextDecoder().decode(files["pyodide-lock.json"])),
  });
  fetched.clear();
  postMessage({ progress: "NumPy" });
  const folder = pyodide.runPython("import site; site.getsitepackages()[0]");
  for (const name of ["numpy.zip", "package.zip"]) pyodide.unpackArchive(files[name], "zip", { extractDir: folder });
  postMessage({ progress: "tinygrad_mnist" });
  answer = pyodide.runPython("from tinygrad_mnist.playground import Session; Session().answer");
}

onmessage = async ({ data }) => {
  if (data.parts) {
    await start(data.parts);
    postMessage({ ready: true });
  } else postMessage({ reply: answer(data.request) });
};
