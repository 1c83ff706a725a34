import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { LTRAIN, requirePeer, watch } from "./measure.mjs";
import { CASES, compare, table } from "./train.mjs";

const SUITE = fileURLToPath(new URL("../../scripts/test-webgpu.mjs", import.meta.url));
const SWIFTSHADER = "/usr/lib/chromium/vk_swiftshader_icd.json";
/** A case whose losses on the GPU and on the CPU are further apart than this is wrong, not merely rounded otherwise. */
const TOLERANCE = 1e-3;

/** The ways to a GPU that `ltrain doctor` finds. */
async function usableWays() {
  const { lines } = await watch(process.execPath, [LTRAIN, "doctor", "--json"]);
  const { engines } = JSON.parse(lines.map(({ line }) => line).join("\n"));
  const onGpu = engines.filter(({ device }) => device !== "cpu");
  return { usable: onGpu.filter((way) => way.usable), missing: onGpu.filter((way) => !way.usable) };
}

/** The losses of the first steps. */
async function lossesOf(test, steps, options) {
  const folder = mkdtempSync(join(tmpdir(), "ltrain-gpu-"));
  try {
    const config = join(folder, "config.json");
    const trainer = { max_steps: steps, max_epochs: -1, num_sanity_val_steps: 0, limit_val_batches: 0 };
    const given = { seed_everything: 42, ...test.config, trainer: { ...trainer, log_every_n_steps: 1 } };
    writeFileSync(config, JSON.stringify(given));
    const args = [LTRAIN, "train", "--config", config, "--json", "--quiet", ...options];
    const { lines } = await watch(process.execPath, args, { cwd: folder });
    const events = lines.map(({ line }) => JSON.parse(line));
    return {
      device: events.find(({ event }) => event === "fit_start").device,
      losses: events.filter(({ event }) => event === "step").map(({ loss }) => loss),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** How far the losses on the GPU are from those on the CPU. */
async function correctness(test, steps, engine) {
  const cpu = await lossesOf(test, steps, ["--engine", "onnxruntime", "--accelerator", "cpu"]);
  const gpu = await lossesOf(test, steps, ["--engine", engine, "--accelerator", "gpu"]);
  const apart = cpu.losses.map((loss, i) => Math.abs(loss - gpu.losses[i]));
  // Max of nothing is -Infinity, which must not pass for agreement.
  const largest = cpu.losses.length === steps && gpu.losses.length === steps ? Math.max(...apart) : NaN;
  return { test, device: gpu.device, steps, largest, first: cpu.losses[0], last: gpu.losses.at(-1) };
}

function correctnessTable(results) {
  const head = ["run", "device", "steps", "first loss, CPU", "last loss, GPU", "furthest apart"];
  const rows = results.map(({ test, device, steps, largest, first, last }) => [
    test.name,
    device,
    String(steps),
    first.toFixed(5),
    last.toFixed(5),
    largest.toExponential(1),
  ]);
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/**
 * npm run bench -- gpu [--rounds 5] [--only ae,cnn] [--check-steps 3] [--skip-suite] [--software]
 *
 * The executor suite on WebGPU, the losses of each training run on the GPU against the CPU, and its steps per second
 * against real Lightning on the same GPU. With --software all but the last runs on SwiftShader, where speed says nothing.
 */
export async function main(args) {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: "string", default: "5" },
      only: { type: "string" },
      "check-steps": { type: "string", default: "3" },
      "skip-suite": { type: "boolean", default: false },
      software: { type: "boolean", default: false },
    },
  });
  if (values.software) {
    process.env.VK_ICD_FILENAMES ??= SWIFTSHADER;
    process.env.LTRAIN_SOFTWARE_GPU = "1";
  } else requirePeer();
  const { usable, missing } = await usableWays();
  for (const { engine, device, reason } of missing) console.error(`not measured: ${engine}, ${device}: ${reason}`);
  if (usable.length === 0) {
    console.error("error: no engine can use a GPU here; ltrain doctor tells what would change it");
    process.exit(5);
  }
  if (!values["skip-suite"]) {
    const { status } = spawnSync(process.execPath, [SUITE, ...(values.software ? [] : ["--gpu"])], {
      stdio: "inherit",
    });
    if (status !== 0) process.exit(status ?? 1);
  }
  const only = values.only?.split(",");
  const cases = CASES.filter(({ id }) => only === undefined || only.includes(id));
  // --accelerator gpu takes the first way of an engine, so each engine is measured once.
  const engines = [...new Set(usable.map(({ engine }) => engine))];
  for (const engine of engines) {
    const checked = [];
    for (const test of cases) {
      const result = await correctness(test, Number(values["check-steps"]), engine);
      console.error(`${test.id}: on ${result.device} losses are ${result.largest.toExponential(1)} from the CPU's`);
      checked.push(result);
    }
    console.log(`\n${correctnessTable(checked)}\n`);
    const wrong = checked.filter(({ largest }) => !(largest <= TOLERANCE));
    if (wrong.length > 0) {
      console.error(`error: losses differ from the CPU's: ${wrong.map(({ test }) => test.id).join(", ")}`);
      process.exit(1);
    }
    if (values.software) continue;
    const results = [];
    const ours = ["--engine", engine, "--accelerator", "gpu"];
    for (const test of cases)
      results.push(await compare(test, { rounds: Number(values.rounds), ours, accelerator: "gpu" }));
    const { engine: about, peer } = results[0];
    console.log(
      `${about.engine} on ${about.device}; torch ${peer.torch}, Lightning ${peer.lightning} on the same GPU\n`,
    );
    console.log(table(results));
  }
}
