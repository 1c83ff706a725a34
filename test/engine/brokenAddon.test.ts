import { spawnSync } from "node:child_process";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const BIN = fileURLToPath(new URL("../../bin/ltrain.js", import.meta.url));

/** Stands in front of @tensorflow/tfjs-node-gpu: loading it ends the process, as an addon for another machine does. */
const HOOK = `
const Module = require("node:module");
const { join } = require("node:path");
const resolve = Module._resolveFilename;
Module._resolveFilename = function (name, ...rest) {
  if (name === "@tensorflow/tfjs-node-gpu") return join(__dirname, "broken.cjs");
  if (name === "@tensorflow/tfjs-node-gpu/package.json") return join(__dirname, "package.json");
  return resolve.call(this, name, ...rest);
};
`;

test("an addon that ends the process that loads it is an error with the signal, and ends no training process", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ltrain-addon-"));
  await writeFile(join(folder, "hook.cjs"), HOOK);
  await writeFile(join(folder, "broken.cjs"), "process.abort();\n");
  await writeFile(join(folder, "package.json"), '{"version": "4.22.0"}\n');
  const args = [
    "train",
    "--model",
    "LitAutoEncoder",
    "--data",
    "MNISTDataModule",
    "--engine",
    "tfjs-node-gpu",
    "--json",
  ];
  const { status, signal, stderr } = spawnSync(
    process.execPath,
    ["--require", join(folder, "hook.cjs"), BIN, ...args],
    {
      cwd: folder,
      encoding: "utf8",
    },
  );
  expect([status, signal]).toEqual([5, null]);
  const { error } = JSON.parse(stderr.trim().split("\n").at(-1) ?? "") as { error: Record<string, string> };
  expect(error).toMatchObject({
    code: "engine.unavailable",
    message:
      "the engine tfjs-node-gpu is not available: @tensorflow/tfjs-node-gpu is installed, and its native part does not load (it ends its process: SIGABRT)",
  });
  expect(error["hint"]).toContain("npm run build:tfjs-node-gpu");
});
