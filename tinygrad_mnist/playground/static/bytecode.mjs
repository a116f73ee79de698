// node bytecode.mjs FOLDER: compile what a start of the page imports, in the archives among the page's parts, by Pyodide itself.
import { argv } from "node:process";
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder] = argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${folder}/pyodide.mjs`));
const pyodide = await loadPyodide({ indexURL: folder });
const [library, site] = pyodide.runPython("import site, sys; next(path for path in sys.path if path.endswith('.zip')), site.getsitepackages()[0]");
const roots = { "python_stdlib.zip": library, "numpy.zip": site, "package.zip": site };
pyodide.FS.mkdir("/archives");
for (const [name, root] of Object.entries(roots)) {
  const content = readFileSync(`${folder}/${name}`);
  pyodide.FS.writeFile(`/archives/${name}`, content);
  if (root === site) pyodide.unpackArchive(new Uint8Array(content).buffer, "zip", { extractDir: site });
}
pyodide.pyimport("tinygrad_mnist.playground.bytecode").compile_start("/archives", pyodide.toPy(roots));
for (const name of Object.keys(roots)) writeFileSync(`${folder}/${name}`, pyodide.FS.readFile(`/archives/${name}`));
