import { readJournal } from "../../src/checkpoint/checkpointJournal.js";
import { findNewestCheckpoint } from "../../src/checkpoint/findCheckpoints.js";
import { isSound } from "../../src/checkpoint/verification.js";
import { verifyCheckpoint } from "../../src/checkpoint/verifyCheckpoint.js";
import type { FileOperations } from "../../src/io/fileOperations.js";
import type { CrashState } from "../io/crashStates.js";
import { crashStates, digestOf } from "../io/crashStates.js";
import { MemoryDisk } from "../io/memoryFiles.js";
import type { PlannedSave } from "./savedTree.js";
import { savePlanned } from "./savedTree.js";

const FOLDER = "/run/checkpoints";

const SAVES = [1, 2, 3];
const nameOf = (step: number): string => `step=${step}.ckpt`;
const before = (step: number): string[] => (step === 1 ? [] : [nameOf(step - 1)]);

/** One file after the other, each in the place of the one before: save_top_k 1. */
const ONE_BY_ONE: readonly PlannedSave[] = SAVES.map((step) => ({
  step,
  names: [nameOf(step)],
  retired: before(step),
}));
/** With last.ckpt as a file of its own, and best.ckpt as a copy of every second file. */
const LAST_AND_BEST: readonly PlannedSave[] = SAVES.map((step) => ({
  step,
  names: [nameOf(step), "last.ckpt"],
  replicas: step % 2 === 1 ? [{ from: nameOf(step), name: "best.ckpt", share: false }] : [],
  retired: before(step),
}));
/** With last.ckpt as a second name of what was saved. */
const LINKED: readonly PlannedSave[] = SAVES.map((step) => ({
  step,
  names: [nameOf(step)],
  replicas: [{ from: nameOf(step), name: "last.ckpt", share: true }],
  retired: before(step),
}));

type Told = ReadonlyMap<number, { readonly there: ReadonlyMap<string, string>; readonly gone: readonly string[] }>;

/** Do the saves on a disk in memory, with `change` in between; gives what was done and what was said to be saved. */
async function run(
  saves: readonly PlannedSave[],
  options: {
    readonly canClone?: boolean;
    readonly mostPerWrite?: number;
    readonly change?: (files: FileOperations) => FileOperations;
  } = {},
): Promise<{ readonly disk: MemoryDisk; readonly told: Told }> {
  const disk = new MemoryDisk({ mostPerWrite: options.mostPerWrite ?? 160, canClone: options.canClone ?? false });
  const files = options.change?.(disk.files) ?? disk.files;
  const told = new Map<number, { there: ReadonlyMap<string, string>; gone: readonly string[] }>();
  for (const save of saves) {
    const saved = await savePlanned(save, FOLDER, files);
    const there = new Map(saved.map(({ path, sha256 }) => [path, sha256]));
    told.set(save.step, { there, gone: (save.retired ?? []).map((name) => `${FOLDER}/${name}`) });
    disk.log.push({ kind: "told", what: save.step });
  }
  return { disk, told };
}

const verified = new Map<string, Promise<string | null>>();

/** What is wrong with what a crash left, in a sentence; null when every promise holds. */
async function complaint(state: CrashState, told: Told): Promise<string | null> {
  const { files } = MemoryDisk.of(state.contents);
  const checkpoints = [...state.contents].filter(([path]) => path.endsWith(".ckpt"));
  const journal = await readJournal(FOLDER, files);
  for (const [path, bytes] of checkpoints) {
    const sha256 = digestOf(bytes);
    if (!journal.some((entry) => `${FOLDER}/${entry.path}` === path && entry.sha256 === sha256)) {
      return `I2: ${path} is not in the journal as it is`;
    }
    // The journal has it as it is: what is left to be seen does not depend on the rest of the disk.
    const known = verified.get(sha256) ?? verifyAlone(path, bytes);
    verified.set(sha256, known);
    const wrong = await known;
    if (wrong !== null) return `I2: ${wrong}`;
  }
  const promised = told.get(state.told);
  if (promised === undefined) return null;
  const found = await findNewestCheckpoint(FOLDER, files).catch((error: unknown) => String(error));
  if (typeof found === "string") return `I1: after step ${state.told} was saved, ${found}`;
  if (found.globalStep < state.told) return `I1: step ${state.told} was saved, step ${found.globalStep} is found`;
  if (found.skipped.length > 0) return `I2: ${found.skipped.map(({ reason }) => reason).join()}`;
  // Until the next save replaces it, what was told is there, and what it took the place of is gone.
  if (found.globalStep > state.told) return null;
  for (const path of promised.gone) if (state.contents.has(path)) return `retention: ${path} is back`;
  return null;
}

async function verifyAlone(path: string, bytes: Uint8Array): Promise<string | null> {
  const { files } = MemoryDisk.of(new Map([[path, bytes]]));
  const verification = await verifyCheckpoint(path, { files });
  return isSound(verification) ? null : verification.problems.map(({ message }) => message).join("; ");
}

/** All crash states of the saves; stops at the first that breaks a promise. */
async function search(
  saves: readonly PlannedSave[],
  options: Parameters<typeof run>[1] = {},
): Promise<{ readonly states: number; readonly broken: string | null }> {
  const { disk, told } = await run(saves, options);
  let states = 0;
  for (const state of crashStates(disk.log)) {
    states += 1;
    const broken = await complaint(state, told);
    if (broken !== null) return { states, broken: `after ${state.prefix} operations: ${broken}` };
  }
  return { states, broken: null };
}

test.each([
  ["one file after the other", ONE_BY_ONE, false],
  ["last.ckpt and best.ckpt", LAST_AND_BEST, false],
  ["last.ckpt and best.ckpt where files can be cloned", LAST_AND_BEST, true],
  ["last.ckpt as a hard link", LINKED, false],
  ["last.ckpt as a clone", LINKED, true],
])("whatever a power cut leaves of %s, every promise holds", async (name, saves, canClone) => {
  const { states, broken } = await search(saves, { canClone });
  expect(broken).toBeNull();
  expect(states).toBeGreaterThan(1000);
  process.stderr.write(`crash states: ${states} different ones of ${name}\n`);
});

/** File operations in which one sync, counted over the whole run, does nothing and says it has. */
function withoutSync(at: number): { change: (files: FileOperations) => FileOperations; readonly count: () => number } {
  let count = 0;
  const skips = (): boolean => (count += 1) - 1 === at;
  const change = (files: FileOperations): FileOperations => ({
    ...files,
    open: async (path, mode) => {
      const file = await files.open(path, mode);
      return { ...file, sync: () => (skips() ? Promise.resolve() : file.sync()) };
    },
    syncFolder: (path) => (skips() ? Promise.resolve() : files.syncFolder(path)),
  });
  return { change, count: () => count };
}

test("leaving out any one fsync breaks a promise", async () => {
  const counting = withoutSync(-1);
  await run(ONE_BY_ONE, { change: counting.change });
  const syncs = counting.count();
  const holds: number[] = [];
  for (let at = 0; at < syncs; at += 1) {
    const { broken } = await search(ONE_BY_ONE, { change: withoutSync(at).change, mostPerWrite: 1000 });
    if (broken === null) holds.push(at);
  }
  expect(holds).toEqual([]);
  process.stderr.write(`mutations: each of ${syncs} fsyncs, left out alone, breaks a promise\n`);
});

test("removing what is replaced before the new file has its name, or before that name is on the disk, breaks a promise", async () => {
  const early = (when: "rename" | "syncFolder") => (files: FileOperations) => {
    const retired = SAVES.map((step) => `${FOLDER}/${nameOf(step)}`);
    let saves = 0;
    let isNamed = false;
    const removeOld = async (): Promise<void> => {
      const path = retired[saves - 2];
      if (path !== undefined) await files.unlink(path).catch(() => undefined);
    };
    return {
      ...files,
      rename: async (from: string, path: string) => {
        saves += 1;
        isNamed = true;
        if (when === "rename") await removeOld();
        await files.rename(from, path);
      },
      syncFolder: async (path: string) => {
        if (when === "syncFolder" && isNamed) await removeOld();
        isNamed = false;
        await files.syncFolder(path);
      },
    };
  };
  for (const when of ["rename", "syncFolder"] as const) {
    const { broken } = await search(ONE_BY_ONE, { change: early(when), mostPerWrite: 1000 });
    expect(broken).toContain("I1");
  }
});
