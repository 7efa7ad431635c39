// Tells the builder what JupyterLab has of its own, so that it is not in our bundle.
//
// The builder would also ask for the very release of JupyterLab that the list is of. The ranges of
// package.json are what counts: the extension runs in each of those.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

const read = (path) => JSON.parse(readFileSync(path, "utf8"));
const { dependencies } = read("package.json");
const { singletonPackages } = read(
  "node_modules/@jupyterlab/core-meta/core.package.json",
).jupyterlab;
mkdirSync("build/core", { recursive: true });
const core = { name: "core", private: true, dependencies, jupyterlab: { singletonPackages } };
writeFileSync("build/core/package.json", JSON.stringify(core));
