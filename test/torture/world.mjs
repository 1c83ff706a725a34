/** What every torture has: a tiny run in a folder of its own, the real program, and the checks that hold whatever happens. */
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = new URL("../../", import.meta.url);
const BIN = fileURLToPath(new URL("bin/ltrain.js", ROOT));
const library = (path) => import(new URL(`dist/${path}`, ROOT).href);
const { verifyCheckpoint } = await library("checkpoint/verifyCheckpoint.js");
const { searchCheckpoints } = await library("checkpoint/findCheckpoints.js");
const { readJournal } = await library("checkpoint/checkpointJournal.js");
const { loadCheckpoint } = await library("checkpoint/loadCheckpoint.js");
const { readTensor } = await library("storage/strided.js");
const { PyDict, PyTuple } = await library("pickle/values.js");
const { StoredTensor } = await library("storage/storedTensor.js");

/** Batches of 4 out of 24 shuffled rows make 6 steps an epoch, or 3 with accumulation; validation after every epoch. */
export const EPOCHS = 3;
const config = (engine, wide) => `seed_everything: 3
model: {class_path: ./torture.ts:Tiny, init_args: {wide: ${wide}}}
data: {class_path: ./torture.ts:TinyData}
trainer:
  max_epochs: ${EPOCHS}
  accelerator: cpu
  engine: ${engine}
  log_every_n_steps: 1
  enable_progress_bar: false
  enable_model_summary: false
  callbacks:
    - {class_path: ./torture.ts:Phase}
    - {class_path: ModelCheckpoint, init_args: {every_n_train_steps: 1, save_top_k: 2, monitor: train_loss, save_last: true}}
`;

/**
 * A folder with the run's config and code, a new one when none is given. `tfjs` is there sooner and has no file of its
 * own; the engine that users have is `onnxruntime`. A `wide` model's checkpoints are so large that a thread writes them.
 */
export function makeWorld(options = {}) {
  const { engine = "tfjs", wide = false, folder = mkdtempSync(join(tmpdir(), "ltrain-torture-")) } = options;
  writeFileSync(join(folder, "c.yaml"), config(engine, wide));
  cpSync(fileURLToPath(new URL("torture.ts", import.meta.url)), join(folder, "torture.ts"));
  return folder;
}

export function removeWorld(folder) {
  strangers.delete(folder);
  rmSync(folder, { recursive: true, force: true });
}

/** Checkpoints that the run did not write, and what is in them. */
const strangers = new Map();

/** Put a checkpoint of somebody else's among the run's, under a name as the run would give: it must stay (I4). */
export function addStranger(folder) {
  const checkpoints = join(folder, RUN, "checkpoints");
  const name = "epoch=0-step=1-v9.ckpt";
  const bytes = readFileSync(join(checkpoints, checkpointsIn(folder)[0]));
  writeFileSync(join(checkpoints, name), bytes);
  strangers.set(folder, { name, bytes });
}

/** The names of the files that stand for checkpoints. */
export function checkpointsIn(folder) {
  const checkpoints = join(folder, RUN, "checkpoints");
  if (!existsSync(checkpoints)) return [];
  return readdirSync(checkpoints).filter((name) => name.endsWith(".ckpt") && !name.startsWith("."));
}

/** The names of temp files that are still there. */
export function temporariesIn(folder) {
  if (!existsSync(join(folder, RUN))) return [];
  return readdirSync(join(folder, RUN), { recursive: true }).filter((name) => name.endsWith(".tmp"));
}

/**
 * Run the program to its end. `born` is given the child, `watch` sees what it prints; the highest steps that it said to
 * have done and to have saved are `stepped` and `saved`. `through` puts another program in front.
 */
export function ltrain(folder, args, options = {}) {
  const { env = {}, watch = () => undefined, born = () => undefined, through = [] } = options;
  return new Promise((resolve, reject) => {
    const words = [...through, process.execPath, BIN, ...args];
    const child = spawn(words[0], words.slice(1), { cwd: folder, env: { ...process.env, ...env } });
    const began = performance.now();
    born(child);
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (data) => watch((stdout += data), child));
    child.stderr.on("data", (data) => watch((stderr += data), child));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      const last = (event) => {
        const events = stdout.matchAll(new RegExp(`"event":"${event}".*?"global_step":(\\d+)`, "g"));
        return Math.max(-1, ...[...events].map((match) => Number(match[1])));
      };
      const millis = performance.now() - began;
      const [saved, stepped] = [last("checkpoint"), last("step")];
      resolve({ code: code ?? `killed by ${signal}`, stdout, stderr, saved, stepped, millis });
    });
  });
}

export const TRAIN = ["train", "--config", "c.yaml", "--json"];
export const RUN = join("lightning_logs", "version_0");
export const RESUME = ["resume", RUN, "--json"];
/** Also of a run that was to be shorter. */
const RESUME_ANY = [...RESUME, "--trainer.max_steps", "-1"];

/**
 * I2: nothing with a final name fails verify, nor is missing in the journal. I1: what can be recovered is as new as what
 * was acknowledged. I4: what is not the run's is there. Gives the newest step, -1 when there is none.
 */
export async function checkFolder(folder, saved) {
  const checkpoints = join(folder, RUN, "checkpoints");
  const names = checkpointsIn(folder);
  const stranger = strangers.get(folder);
  const entered = new Set((await readJournal(checkpoints)).map(({ path }) => path));
  for (const name of names) {
    const { problems } = await verifyCheckpoint(join(checkpoints, name));
    if (problems.length > 0) throw new Error(`I2: ${name} is not sound: ${problems[0].message}`);
    if (!entered.has(name) && name !== stranger?.name) throw new Error(`I2: ${name} is not in the journal`);
  }
  if (stranger !== undefined && !names.includes(stranger.name)) throw new Error(`I4: ${stranger.name} was removed`);
  if (stranger !== undefined && !readFileSync(join(checkpoints, stranger.name)).equals(stranger.bytes))
    throw new Error(`I4: ${stranger.name} was written over`);
  if (names.length === 0 && saved >= 0) throw new Error(`I1: step ${saved} was acknowledged, and there is nothing`);
  if (names.length === 0) return -1;
  const { candidates } = await searchCheckpoints(join(folder, RUN));
  const newest = candidates[0].globalStep;
  if (newest < saved) throw new Error(`I1: step ${saved} was acknowledged, and the newest is of step ${newest}`);
  return newest;
}

/**
 * Everything a run ends with that must be bit-equal: where training stands at its end, the scores of what was kept, and
 * metrics.csv.
 */
export async function outcome(folder) {
  const { checkpoint, close } = await loadCheckpoint(join(folder, "end.ckpt"));
  try {
    const { stateDict, optimizerStates, lrSchedulers, loops, callbacks, ltrain: own, epoch, globalStep } = checkpoint;
    const kept = ["rng_state", "data", "results", "val_batches_seen", "logger_rows"];
    const keeper = [...callbacks].find(([key]) => String(key).startsWith("ModelCheckpoint"))[1];
    const parts = {
      epoch,
      globalStep,
      weights: await plain(new PyDict([...stateDict.tensors])),
      optimizerStates: await plain(optimizerStates),
      lrSchedulers: await plain(lrSchedulers),
      loops: await plain(loops),
      own: await plain(new PyDict(kept.map((key) => [key, own.get(key) ?? null]))),
      best: await plain(keeper.get("best_model_score")),
      scores: (await plain([...keeper.get("best_k_models")].map(([, score]) => score))).map(String).sort(),
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

/** What the unbroken run ends with, by engine and by what else is changed in its config. */
const known = new Map();
export async function unbroken(folder, extra = []) {
  const [, wide, engine] = /wide: (\w+)[^]*engine: (\w+)/.exec(readFileSync(join(folder, "c.yaml"), "utf8"));
  const key = [wide, engine, ...extra].join(" ");
  if (!known.has(key)) {
    const folder = makeWorld({ engine, wide });
    const { code, stderr } = await ltrain(folder, [...TRAIN, ...extra]);
    if (code !== 0) throw new Error(`the unbroken run ended with ${code}: ${stderr}`);
    known.set(key, await outcome(folder));
    removeWorld(folder);
  }
  return known.get(key);
}

/** I3: what is in the folder of a run that has come to its end is what the unbroken one ends with, and nothing else is left. */
export async function checkEnd(folder, extra = []) {
  const [here, there] = [await outcome(folder), await unbroken(folder, extra)];
  if (here !== there) throw new Error(`I3: the run does not end as the unbroken one: ${firstDifference(here, there)}`);
  const left = temporariesIn(folder);
  if (left.length > 0) throw new Error(`temp files are left: ${left}`);
}

function firstDifference(here, there) {
  let at = 0;
  while (here[at] === there[at]) at += 1;
  const around = (text) => text.slice(Math.max(0, at - 80), at + 80);
  return `${around(here)} instead of ${around(there)}`;
}

/** I3: the run goes on to its end, and ends as the unbroken one. */
export async function finish(folder, extra = []) {
  const { code, stderr } = await ltrain(folder, RESUME_ANY);
  if (code !== 0) throw new Error(`I3: the run that goes on ended with ${code}: ${stderr}`);
  await checkEnd(folder, extra);
}
