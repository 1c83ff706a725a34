// npm runs this before the install scripts of the packages that ltrain depends on. onnxruntime-node has its providers
// for the CPU and WebGPU in the package, and on Linux it fetches the one for CUDA from NuGet: where that server is not
// reached, the whole installation fails, for a file that most people do not need. There a note is put in the places of
// the CUDA files, and the script finds nothing to fetch. `ltrain doctor` names the command that fetches them later.
import { existsSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const FEED = "https://api.nuget.org/v3/index.json";
const PATIENCE_MILLIS = 10_000;
const NOTE = "Not fetched: NuGet was not reached when this was installed. `npx ltrain doctor` tells how to get it.\n";
/** Who sets one of these, or goes through a proxy, has decided. */
const DECIDED = [
  "ONNXRUNTIME_NODE_INSTALL",
  "ONNXRUNTIME_NODE_INSTALL_CUDA",
  "npm_config_onnxruntime_node_install",
  "npm_config_onnxruntime_node_install_cuda",
  "GLOBAL_AGENT_HTTPS_PROXY",
];

/** Where npm has put onnxruntime-node: beside this package, or in it. */
function findPackage() {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const found = join(folder, "node_modules", "onnxruntime-node");
    if (existsSync(join(found, "script", "install-metadata.js"))) return found;
    if (folder === dirname(folder)) return undefined;
  }
}

/** The files that its install script would fetch, by its own list. */
function missingFiles(folder) {
  const { requirements, manifests } = createRequire(import.meta.url)(join(folder, "script", "install-metadata.js"));
  const platform = `${process.platform}/${process.arch}`;
  return (requirements[platform] ?? [])
    .flatMap((name) => Object.keys(manifests[`${platform}:${name}`] ?? {}))
    .map((name) => join(folder, "bin", "napi-v6", platform, name))
    .filter((file) => existsSync(dirname(file)) && !existsSync(file));
}

function isReached(url) {
  return new Promise((resolve) => {
    const request = get(url, { timeout: PATIENCE_MILLIS }, (response) => {
      response.resume();
      resolve(response.statusCode === 200 && /^application\/json/.test(response.headers["content-type"] ?? ""));
    });
    request.on("timeout", () => request.destroy(new Error("timeout")));
    request.on("error", () => resolve(false));
  });
}

try {
  const folder = DECIDED.some((name) => process.env[name] !== undefined) ? undefined : findPackage();
  const files = folder === undefined ? [] : missingFiles(folder);
  if (files.length > 0 && !(await isReached(FEED))) for (const file of files) writeFileSync(file, NOTE);
} catch {
  // Its own script says what is wrong.
}
