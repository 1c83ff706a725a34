import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { arch, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { LTRAIN, median, MNIST, PYTHON, requirePeer, watch, writeDocument } from "./measure.mjs";

const PEER = fileURLToPath(new URL("peer_train.py", import.meta.url));
/** Any text: the arithmetic of a step does not depend on what the characters are. */
const TEXT = fileURLToPath(new URL("../../LICENSE", import.meta.url));

/** The same module, data and optimizer on both sides. `target` is the ratio that the project asks of itself. */
export const CASES = [
  {
    name: "AE 784-64-3-64-784, batch 32, Adam",
    id: "ae",
    target: 2.5,
    steps: 1500,
    peer: { kind: "ae", initArgs: { hidden: 64 }, batchSize: 32 },
    config: {
      model: { class_path: "LitAutoEncoder", init_args: { hidden: 64 } },
      data: { class_path: "MNISTDataModule", init_args: { batch_size: 32 } },
    },
  },
  {
    name: "AE 784-1024-3-1024-784, batch 256, Adam",
    id: "ae-large",
    target: 1.3,
    steps: 200,
    peer: { kind: "ae", initArgs: { hidden: 1024 }, batchSize: 256 },
    config: {
      model: { class_path: "LitAutoEncoder", init_args: { hidden: 1024 } },
      data: { class_path: "MNISTDataModule", init_args: { batch_size: 256 } },
    },
  },
  {
    name: "MNIST CNN, 3×3 convolutions of 32 and 64, batch 64, Adam",
    id: "cnn",
    target: 1.5,
    steps: 120,
    peer: { kind: "cnn", initArgs: {}, batchSize: 64 },
    config: {
      model: { class_path: "LitCNN" },
      data: { class_path: "MNISTDataModule", init_args: { batch_size: 64, flatten: false } },
    },
  },
  {
    name: "character GPT, 4 layers of 128, 4 heads, context 64, batch 32, AdamW",
    id: "gpt",
    target: 1.2,
    steps: 120,
    peer: { kind: "gpt", initArgs: {}, batchSize: 32 },
    config: {
      model: { class_path: "CharGPT" },
      data: { class_path: "TextDataModule", init_args: { path: TEXT, batch_size: 32 } },
    },
  },
];

async function runPeer(test, folder, accelerator) {
  const args = [PEER, test.peer.kind, "--init-args", JSON.stringify(test.peer.initArgs), "--mnist", MNIST];
  args.push("--batch-size", test.peer.batchSize, "--steps", test.steps, "--out", folder, "--accelerator", accelerator);
  const { lines } = await watch(PYTHON, args.map(String));
  const answer = JSON.parse(lines.at(-1).line);
  return { rate: answer.steps_per_second, first: answer.first_step_seconds, peak: answer.peak_bytes, about: answer };
}

async function runOurs(test, folder, options) {
  const config = join(folder, `${test.id}.json`);
  const trainer = { max_steps: test.steps, max_epochs: -1, num_sanity_val_steps: 0, limit_val_batches: 0 };
  writeFileSync(config, JSON.stringify({ seed_everything: 42, ...test.config, trainer }));
  const args = [LTRAIN, "train", "--config", config, "--json", "--quiet", ...options];
  const { lines, peakBytes } = await watch(process.execPath, args, { cwd: folder });
  const events = lines.map(({ line }) => JSON.parse(line));
  const { steps_per_second: rate, time_shares: shares } = events.find((event) => event.event === "fit_end");

  const short = [...args, "--trainer.max_steps", "1", "--trainer.log_every_n_steps", "1"];
  const { lines: timed } = await watch(process.execPath, short, { cwd: folder });
  const first = timed.find(({ line }) => JSON.parse(line).event === "step").seconds;
  return { rate, first, peak: peakBytes, ...shares, about: events.find((event) => event.event === "fit_start") };
}

/** Both sides of one case, in turns; medians. */
export async function compare(test, { rounds, ours, accelerator = "cpu" }) {
  const folder = mkdtempSync(join(tmpdir(), "ltrain-bench-"));
  const runs = { ours: [], theirs: [] };
  try {
    for (let round = 0; round < rounds; round += 1) {
      runs.theirs.push(await runPeer(test, folder, accelerator));
      runs.ours.push(await runOurs(test, folder, ours));
      const [we, they] = [runs.ours.at(-1), runs.theirs.at(-1)];
      const ratio = (we.rate / they.rate).toFixed(2);
      console.error(
        `${test.id} ${round + 1}/${rounds}: ${we.rate.toFixed(1)} / ${they.rate.toFixed(1)} it/s = ${ratio}`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const middle = (side, key) => median(runs[side].map((run) => run[key]));
  const side = (name) => ({ rate: middle(name, "rate"), first: middle(name, "first"), peak: middle(name, "peak") });
  const shares = { data: middle("ours", "data"), step: middle("ours", "step") };
  return {
    test,
    shares,
    ours: side("ours"),
    theirs: side("theirs"),
    engine: runs.ours[0].about,
    peer: runs.theirs[0].about,
  };
}

const percent = (share) => `${(100 * share).toFixed(0)} %`;
const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`;

/** The results as a table of Markdown. */
export function table(results) {
  const rows = results.map(({ test, ours, theirs, shares }) => [
    test.name,
    `${ours.rate.toFixed(1)} it/s`,
    `${theirs.rate.toFixed(1)} it/s`,
    `**${(ours.rate / theirs.rate).toFixed(2)}×**`,
    `${test.target}×`,
    `${ours.first.toFixed(2)} s / ${theirs.first.toFixed(2)} s`,
    `${megabytes(ours.peak)} / ${megabytes(theirs.peak)}`,
    [shares.data, shares.step, 1 - shares.data - shares.step].map(percent).join(" / "),
  ]);
  const head = [
    "run",
    "ltrain",
    "Lightning",
    "ratio",
    "target",
    "to the first step",
    "peak memory",
    "data / step / overhead",
  ];
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/** npm run bench -- train [--rounds 5] [--only ae,cnn] [--write] [-- options of ltrain train] */
export async function main(args) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { rounds: { type: "string", default: "5" }, only: { type: "string" }, write: { type: "boolean" } },
  });
  requirePeer();
  const only = values.only?.split(",");
  const results = [];
  for (const test of CASES.filter(({ id }) => only === undefined || only.includes(id))) {
    results.push(await compare(test, { rounds: Number(values.rounds), ours: positionals }));
  }
  const { peer, engine } = results[0];
  const text = [
    `Measured ${new Date().toISOString().slice(0, 10)} with \`npm run bench -- train --rounds ${values.rounds}\` on ` +
      `${cpus().length} cores (${cpus()[0].model.trim()}, ${arch()}); Node ${process.version}, engine ` +
      `${engine.engine} on ${engine.device}; torch ${peer.torch}, Lightning ${peer.lightning}, ${peer.threads} threads. ` +
      `Runs interleaved, medians; steps per second after the first 50 steps.`,
    "",
    table(results),
  ].join("\n");
  console.log(text);
  if (values.write) await writeDocument("train", text);
}
