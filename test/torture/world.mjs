/** What every torture has: a tiny run in a folder of its own, the real program, and the checks that hold whatever happens. */
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = new URL("../../", import.meta.url);
const BIN = fileURLToPath(new URL("bin/ltrain.js", ROOT));
const library = (path) => import(new URL(`dist/${path}`, ROOT).href);
const { verifyCheckpoint } = await library("checkpoint/verifyCheckpoint.js");
const { searchCheckpoints } = await library("checkpoint/findCheckpoints.js");
const { loadCheckpoint } = await library("checkpoint/loadCheckpoint.js");
const { readTensor } = await library("storage/strided.js");
const { PyDict, PyTuple } = await library("pickle/values.js");
const { StoredTensor } = await library("storage/storedTensor.js");

/** Batches of 4 out of 24 shuffled rows make 6 steps an epoch, or 3 with accumulation; validation after every epoch. */
export const EPOCHS = 3;
const CONFIG = `seed_everything: 3
model: {class_path: ./torture.ts:Tiny}
data: {class_path: ./torture.ts:TinyData}
trainer:
  max_epochs: ${EPOCHS}
  accelerator: cpu
  log_every_n_steps: 1
  enable_progress_bar: false
  enable_model_summary: false
  callbacks:
    - {class_path: ./torture.ts:Phase}
    - {class_path: ModelCheckpoint, init_args: {every_n_train_steps: 1, save_top_k: 2, monitor: train_loss, save_last: true}}
`;

/** A new folder with the run's config and code. */
export function makeWorld() {
  const folder = mkdtempSync(join(tmpdir(), "ltrain-torture-"));
  writeFileSync(join(folder, "c.yaml"), CONFIG);
  cpSync(fileURLToPath(new URL("torture.ts", import.meta.url)), join(folder, "torture.ts"));
  return folder;
}

export function removeWorld(folder) {
  rmSync(folder, { recursive: true, force: true });
}

/**
 * Run the program to its end. `watch` sees what it prints, and the child; what the program has acknowledged as saved is
 * in `saved`. `through` puts another program in front.
 */
export function ltrain(folder, args, { env = {}, watch = () => undefined, through = [] } = {}) {
  return new Promise((resolve, reject) => {
    const words = [...through, process.execPath, BIN, ...args];
    const child = spawn(words[0], words.slice(1), { cwd: folder, env: { ...process.env, ...env } });
    const began = performance.now();
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (data) => watch((stdout += data), child));
    child.stderr.on("data", (data) => watch((stderr += data), child));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      const saved = [...stdout.matchAll(/"event":"checkpoint".*?"global_step":(\d+)/g)].map((match) =>
        Number(match[1]),
      );
      const millis = performance.now() - began;
      resolve({ code: code ?? `killed by ${signal}`, stdout, stderr, saved: Math.max(-1, ...saved), millis });
    });
  });
}

export const TRAIN = ["train", "--config", "c.yaml", "--json"];
export const RUN = join("lightning_logs", "version_0");
export const RESUME = ["resume", RUN, "--json"];
/** Also of a run that was to be shorter. */
const RESUME_ANY = [...RESUME, "--trainer.max_steps", "-1"];

/** I2: nothing with a final name fails verify. I1: what can be recovered is as new as what was acknowledged. */
export async function checkFolder(folder, saved) {
  const checkpoints = join(folder, RUN, "checkpoints");
  let names;
  try {
    names = readdirSync(checkpoints).filter((name) => name.endsWith(".ckpt") && !name.startsWith("."));
  } catch {
    names = [];
  }
  for (const name of names) {
    const { problems } = await verifyCheckpoint(join(checkpoints, name));
    if (problems.length > 0) throw new Error(`I2: ${name} is not sound: ${problems[0].message}`);
  }
  if (names.length === 0 && saved >= 0) throw new Error(`I1: step ${saved} was acknowledged, and there is nothing`);
  if (names.length === 0) return -1;
  const { candidates } = await searchCheckpoints(join(folder, RUN));
  const newest = candidates[0].globalStep;
  if (newest < saved) throw new Error(`I1: step ${saved} was acknowledged, and the newest is of step ${newest}`);
  return newest;
}

/** Everything a run ends with that must be bit-equal: its last checkpoint without paths, and metrics.csv. */
export async function outcome(folder) {
  const { candidates } = await searchCheckpoints(join(folder, RUN));
  const { checkpoint, close } = await loadCheckpoint(candidates[0].path);
  try {
    const { stateDict, optimizerStates, lrSchedulers, loops, ltrain: own, epoch, globalStep } = checkpoint;
    const kept = ["rng_state", "data", "results", "val_batches_seen", "logger_rows"];
    const parts = {
      epoch,
      globalStep,
      weights: await plain(new PyDict([...stateDict.tensors])),
      optimizerStates: await plain(optimizerStates),
      lrSchedulers: await plain(lrSchedulers),
      loops: await plain(loops),
      own: await plain(new PyDict(kept.map((key) => [key, own.get(key) ?? null]))),
    };
    return JSON.stringify(parts) + readFileSync(join(folder, RUN, "metrics.csv"), "latin1");
  } finally {
    await close();
  }
}

async function plain(value) {
  if (value instanceof StoredTensor) {
    const { dtype, shape, bytes } = await readTensor(value);
    return [dtype, shape, Buffer.from(bytes).toString("base64")];
  }
  if (value instanceof PyDict) {
    const pairs = [];
    for (const [key, each] of value) pairs.push([String(key), await plain(each)]);
    return pairs;
  }
  if (value instanceof PyTuple) return plain(value.items);
  if (Array.isArray(value)) return Promise.all(value.map(plain));
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  return typeof value === "bigint" ? `${value}n` : value;
}

/** What the unbroken run ends with, with and without accumulation. */
const known = new Map();
export async function unbroken(extra = []) {
  const key = extra.join(" ");
  if (!known.has(key)) {
    const folder = makeWorld();
    const { code, stderr } = await ltrain(folder, [...TRAIN, ...extra]);
    if (code !== 0) throw new Error(`the unbroken run ended with ${code}: ${stderr}`);
    known.set(key, await outcome(folder));
    removeWorld(folder);
  }
  return known.get(key);
}

/** I3: the run goes on to its end, and ends as the unbroken one. */
export async function finish(folder, extra = []) {
  const { code, stderr } = await ltrain(folder, RESUME_ANY);
  if (code !== 0) throw new Error(`I3: the run that goes on ended with ${code}: ${stderr}`);
  const [here, there] = [await outcome(folder), await unbroken(extra)];
  if (here !== there) throw new Error(`I3: the run that goes on does not end as the unbroken one (${folder})`);
}
