// Puts the commands that only look at files, and commander and cli-table3 with them, into one script, dist/cli/bundle.cjs,
// and keeps beside it what V8 compiled of it, dist/cli/bundle.cache. Loading sixty modules one by one takes longer than
// reading a checkpoint does. bin/ltrain.js uses both, and does without either.
import { readFileSync, rmSync, writeFileSync, existsSync, mkdtempSync } from "node:fs";
import { createRequire, isBuiltin } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import vm from "node:vm";
import ts from "typescript";

const DIST = fileURLToPath(new URL("../dist/", import.meta.url));
const ENTRY = join(DIST, "cli", "main.js");
const OUTPUT = join(DIST, "cli", "bundle.cjs");
const CACHE = join(DIST, "cli", "bundle.cache");
/** Packages that go in; a command that needs any other is left to the modules of dist. */
const PACKAGES = new Set(["commander", "cli-table3"]);
/** Packages that a bundled command may import() from where they are, when it needs them. */
const LOADED_LATER = new Set(["chalk", "yaml"]);

const STATIC = /^\s*(?:import|export)\s[^;"']*?\bfrom\s*"([^"]+)"|^\s*import\s*"([^"]+)"/gm;
const DYNAMIC = /\bimport\("([^"]+)"\)/g;
const CALL = /\brequire\(\s*["']([^"']+)["']\s*\)/g;

const texts = new Map();
const textOf = (file) => {
  if (!texts.has(file)) texts.set(file, readFileSync(file, "utf8"));
  return texts.get(file);
};
const found = (text, pattern) => [...text.matchAll(pattern)].map((match) => match[1] ?? match[2]);
const isLocal = (name) => name.startsWith(".");

/** Whether everything that a module can ever load is in dist, in node or in the packages above. */
const light = new Map();
function isLight(file) {
  const known = light.get(file);
  if (known !== undefined) return known;
  light.set(file, true); // a circle is as light as the rest of it
  const atOnce = found(textOf(file), STATIC);
  const later = found(textOf(file), DYNAMIC);
  const isHere = (name) => isLocal(name) || isBuiltin(name) || PACKAGES.has(name);
  const answer =
    atOnce.every(isHere) &&
    later.every((name) => isHere(name) || LOADED_LATER.has(name)) &&
    [...atOnce, ...later].filter(isLocal).every((name) => isLight(join(dirname(file), name)));
  light.set(file, answer);
  return answer;
}

/** Modules of the bundle by their path from dist, as functions of CommonJS. */
const modules = new Map();
const nameOf = (file) => relative(DIST, file).split(sep).join("/");

function addModule(file) {
  const name = nameOf(file);
  if (modules.has(name)) return name;
  modules.set(name, "");
  const inside = (specifier) => JSON.stringify(addModule(join(dirname(file), specifier)));
  const outside = (specifier) => `__base + ${JSON.stringify(nameOf(join(dirname(file), specifier)))}`;
  let text = textOf(file).replace(DYNAMIC, (whole, specifier) => {
    if (PACKAGES.has(specifier)) return `__later(${JSON.stringify(addPackage(specifier, file))}, true)`;
    if (!isLocal(specifier)) return whole;
    if (isLight(join(dirname(file), specifier))) return `__later(${inside(specifier)})`;
    elsewhere.push(basename(specifier, ".js"));
    return `import(${outside(specifier)})`;
  });
  text = text.replace(/\bimport\.meta\.url\b/g, `__url(${JSON.stringify(name)})`);
  // import() stays what it is: what is not in the bundle is a module.
  text = text.replace(/\bimport\(/g, "__import(");
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, removeComments: true },
  });
  const code = outputText.replace(/\brequire\("([^"]+)"\)/g, (whole, specifier) => {
    if (isLocal(specifier)) return `__module(${inside(specifier)})`;
    // node's own modules are loaded when something of them is used: zlib and the promises of fs take milliseconds.
    if (isBuiltin(specifier)) return `__lazy(${JSON.stringify(specifier)})`;
    return PACKAGES.has(specifier) ? `__module(${JSON.stringify(addPackage(specifier, file))})` : whole;
  });
  modules.set(name, code);
  return name;
}

function addPackage(specifier, from) {
  const require = createRequire(from);
  const file = require.resolve(specifier);
  const name = nameOf(file);
  if (modules.has(name)) return name;
  modules.set(name, "");
  const code = readFileSync(file, "utf8").replace(CALL, (whole, inner) => {
    // commander can start programs; ltrain has it start none, and loading what that takes is a tenth of the start-up.
    if (inner === "node:child_process") return `__lazy(${JSON.stringify(inner)})`;
    // An optional package that is asked for inside a try stays with it.
    if (isBuiltin(inner) || inner.startsWith("@colors/")) return whole;
    return `__module(${JSON.stringify(addPackage(inner, file))})`;
  });
  modules.set(name, code.replace(/^#!.*/, ""));
  return name;
}

const elsewhere = [];

function bundle() {
  const entry = addModule(ENTRY);
  const factories = [...modules].map(
    ([name, code]) => `${JSON.stringify(name)}: function (module, exports) {\n${code}\n}`,
  );
  const text = `(function (require, __import, __base) { "use strict";
const factories = { __proto__: null, ${factories.join(",\n")} };
const loaded = new Map();
function __module(name) {
  let module = loaded.get(name);
  if (module === undefined) {
    module = { exports: {} };
    loaded.set(name, module);
    factories[name](module, module.exports);
  }
  return module.exports;
}
async function __later(name, isPackage) { const found = __module(name); return isPackage ? { default: found } : found; }
function __lazy(name) { return new Proxy({}, { get: (_, key) => require(name)[key] }); }
function __url(name) { return new URL(name, __base).href; }
return { ...__module(${JSON.stringify(entry)}), elsewhere: ${JSON.stringify([...new Set(elsewhere)])} };
})`;
  // One byte for each character: V8 keeps such a text as it is.
  return text.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Run what is run most, so that V8 has compiled it when it is asked for what it compiled. */
async function warmUp(program) {
  const { recordingTerminal } = await import(pathToFileURL(join(DIST, "io", "console.js")).href);
  const folder = mkdtempSync(join(tmpdir(), "ltrain-bundle-"));
  try {
    const sample = join(folder, "sample.ckpt");
    await writeSample(sample);
    const lines = [["--help"], ["inspect", "--help"]];
    for (const views of [[], ["--keys"], ["--json"]]) lines.push(["inspect", sample, ...views]);
    for (const line of lines) await program.run(["node", "ltrain", ...line], recordingTerminal());
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function writeSample(path) {
  const load = (name) => import(pathToFileURL(join(DIST, name)).href);
  const { torchCheckpointIO, emptyCheckpoint } = await load("checkpoint/index.js");
  const { PyDict, PyFloat } = await load("pickle/values.js");
  const { storedTensor } = await load("storage/storedTensor.js");
  const tensors = [[2, 2], [4], [], [1, 2, 2], [1, 2, 1, 2]].map((shape, index) => {
    const bytes = new Uint8Array(shape.length === 0 ? 4 : 16);
    return [`layer.${index}.weight`, storedTensor({ dtype: "float32", shape, bytes })];
  });
  await torchCheckpointIO().save(
    {
      ...emptyCheckpoint(),
      lightningVersion: "2.6.6",
      stateDict: { tensors: new Map(tensors), versions: new Map([["", 1]]) },
      hyperParameters: { name: "kwargs", values: PyDict.from({ lr: new PyFloat(0.1) }) },
    },
    path,
  );
}

rmSync(CACHE, { force: true });
const text = bundle();
writeFileSync(OUTPUT, text);
const script = new vm.Script(text, { filename: OUTPUT });
const program = script.runInThisContext()(createRequire(OUTPUT), (name) => import(name), pathToFileURL(DIST).href);
await warmUp(program);
writeFileSync(CACHE, script.createCachedData());
if (!existsSync(CACHE)) process.exitCode = 1;
