#!/usr/bin/env node
/**
 * Runs the executor suite on onnxruntime's WebGPU provider, in one jest process of its own: a driver that ends its
 * process ends no other tests, and shaders are compiled once.
 *
 *   node scripts/test-webgpu.mjs [--gpu] [test files] [-- jest's options]
 *
 * Without --gpu it runs on SwiftShader, a Vulkan driver that computes on the CPU and comes with Debian's chromium
 * (`apt-get install -y chromium libvulkan1`); VK_ICD_FILENAMES names another one. With --gpu it runs on the GPU.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const SWIFTSHADER = "/usr/lib/chromium/vk_swiftshader_icd.json";
const SUITE = [
  "test/engine/executor",
  "test/engine/ortExecutor",
  "test/engine/ortWebgpu",
  "test/engine/lowering",
  "test/optim/trainedRuns",
  "test/precision/autocastRuns",
];
/** SwiftShader takes seconds to compile the shader of a matrix product. */
const TEST_MS = 300_000;

const end = process.argv.indexOf("--");
const [ours, options] = end < 0 ? [process.argv, []] : [process.argv.slice(0, end), process.argv.slice(end + 1)];
const { values, positionals: files } = parseArgs({
  args: ours.slice(2),
  options: { gpu: { type: "boolean", default: false } },
  allowPositionals: true,
});
const driver = process.env.VK_ICD_FILENAMES ?? process.env.VK_DRIVER_FILES ?? SWIFTSHADER;
if (!values.gpu && !existsSync(driver)) {
  console.error(
    `there is no Vulkan driver ${driver}; run \`apt-get install -y chromium libvulkan1\`, which brings SwiftShader`,
  );
  process.exit(1);
}
const root = fileURLToPath(new URL("..", import.meta.url));
const { status, signal } = spawnSync(
  process.execPath,
  [
    "--experimental-vm-modules",
    "--disable-warning=ExperimentalWarning",
    join(root, "node_modules/jest/bin/jest.js"),
    "--runInBand",
    `--testTimeout=${TEST_MS}`,
    ...options,
    ...(files.length > 0 ? files : SUITE),
  ],
  {
    cwd: root,
    stdio: "inherit",
    env: {
      ...process.env,
      LTRAIN_TEST_TARGET: "webgpu",
      LTRAIN_REQUIRE_ENGINES: "onnxruntime",
      ...(values.gpu ? {} : { VK_ICD_FILENAMES: driver, LTRAIN_SOFTWARE_GPU: "1" }),
    },
  },
);
if (signal !== null) console.error(`the process with the WebGPU tests was ended by ${signal}`);
process.exit(status ?? 1);
