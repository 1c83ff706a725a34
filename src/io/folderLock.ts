import { unlinkSync } from "node:fs";
import { join } from "node:path";
import { LtrainError } from "../errors.js";
import type { FileOperations } from "./fileOperations.js";
import { nodeFiles } from "./fileOperations.js";
import type { ProcessOwner } from "./processOwner.js";
import { isAlive, thisProcess } from "./processOwner.js";
import { isMissing, systemError } from "./systemError.js";
import { temporaryPath } from "./temporaryName.js";
import { listFolder, makeFolder, readText, removeFile } from "./textFile.js";

/** A folder that belongs to this process until it is released. */
export interface FolderLock {
  readonly folder: string;
  release(): Promise<void>;
}

/** What a test sets. */
export interface LockOptions {
  readonly files?: FileOperations;
  readonly here?: ProcessOwner;
  /** Milliseconds between signs of life. */
  readonly signsEvery?: number;
  /** Milliseconds without one after which a process of another machine counts as dead. */
  readonly goneAfter?: number;
}

/** What a lock file says, and how old its last sign of life is. */
interface Held {
  readonly generation: number;
  readonly path: string;
  /** null: whoever made it has written nothing into it. */
  readonly owner: (ProcessOwner & { readonly since: string }) | null;
}

const NAME = /^\.ltrain-lock\.(\d+)$/;
/** Between making a lock and writing into it lie microseconds; whoever has not done it by now never will. */
const WRITING_MS = 1000;
const SIGNS_EVERY_MS = 15_000;
const GONE_AFTER_MS = 120_000;

/**
 * Make a folder this process's own, or refuse with run.locked while another one has it. A lock is a file
 * `.ltrain-lock.N`; one whose owner is dead is not removed and made again, for which two could race, but followed by
 * N + 1, which only one can make.
 */
export async function lockFolder(folder: string, options: LockOptions = {}): Promise<FolderLock> {
  const { files = nodeFiles, here = thisProcess() } = options;
  await makeFolder(folder, files);
  for (;;) {
    const held = await locksIn(folder, files);
    const newest = held[0];
    if (newest !== undefined && !(await isDead(newest, folder, options))) throw lockedBy(newest, folder);
    const own = join(folder, `.ltrain-lock.${(newest?.generation ?? 0) + 1}`);
    if (!(await make(own, here, files))) continue; // somebody was faster: look again
    // A lock that was made and let go meanwhile may have left this number free below a living one.
    const above = (await locksIn(folder, files))[0];
    if (above !== undefined && above.path !== own) {
      await removeFile(own, files);
      continue;
    }
    for (const { path } of held) await removeFile(path, files);
    return keep(folder, own, options);
  }
}

/** Who has a folder; null when nobody does. */
export async function lockOwner(folder: string, options: LockOptions = {}): Promise<LtrainError | null> {
  const newest = (await locksIn(folder, options.files ?? nodeFiles))[0];
  return newest === undefined || (await isDead(newest, folder, options)) ? null : lockedBy(newest, folder);
}

/** The lock files in a folder, the newest first. */
async function locksIn(folder: string, files: FileOperations): Promise<Held[]> {
  const held: Held[] = [];
  for (const { name } of await listFolder(folder, files)) {
    const generation = NAME.exec(name)?.[1];
    if (generation === undefined) continue;
    const path = join(folder, name);
    held.push({ generation: Number(generation), path, owner: await ownerIn(path, files) });
  }
  return held.sort((a, b) => b.generation - a.generation);
}

async function ownerIn(path: string, files: FileOperations): Promise<Held["owner"]> {
  try {
    const [line = ""] = (await readText(path, files)).split("\n", 1);
    const value = JSON.parse(line) as Partial<NonNullable<Held["owner"]>>;
    const { pid, host, boot = null, namespace = null, began = null, since = "" } = value;
    return typeof pid === "number" && typeof host === "string" ? { pid, host, boot, namespace, began, since } : null;
  } catch {
    return null; // being written, or let go at this moment
  }
}

/** Whether nobody holds a lock any more. */
async function isDead(held: Held, folder: string, options: LockOptions): Promise<boolean> {
  const { files = nodeFiles, here = thisProcess(), goneAfter = GONE_AFTER_MS } = options;
  let { owner } = held;
  if (owner === null) {
    await new Promise((resolve) => setTimeout(resolve, WRITING_MS));
    owner = await ownerIn(held.path, files);
    if (owner === null) return true;
  }
  const alive = isAlive(owner, here);
  if (alive !== null) return !alive;
  return (await silence(held.path, folder, files)) > goneAfter;
}

/** Milliseconds since a lock was last touched, by the clock of the disk it lies on. */
async function silence(path: string, folder: string, files: FileOperations): Promise<number> {
  const probe = temporaryPath(join(folder, "lock"));
  try {
    const { modified } = await files.status(path);
    const file = await files.open(probe, "create");
    try {
      return (await file.status()).modified - modified;
    } finally {
      await file.close();
      await files.unlink(probe);
    }
  } catch (error) {
    if (isMissing(error)) return Number.POSITIVE_INFINITY; // let go at this moment
    throw systemError(error, "look at", path);
  }
}

/** Make a lock file that must not be there yet; false when it is. */
async function make(path: string, here: ProcessOwner, files: FileOperations): Promise<boolean> {
  try {
    const file = await files.open(path, "create");
    try {
      const bytes = new TextEncoder().encode(`${JSON.stringify({ ...here, since: new Date().toISOString() })}\n`);
      let done = 0;
      while (done < bytes.byteLength) done += await file.write(bytes.subarray(done));
    } finally {
      await file.close();
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw systemError(error, "lock", path);
  }
}

/** Give signs of life until it is released, and let go also when the process exits without having come to that. */
function keep(folder: string, path: string, options: LockOptions): FolderLock {
  const { files = nodeFiles, signsEvery = SIGNS_EVERY_MS } = options;
  const sign = async (): Promise<void> => {
    const file = await files.open(path, "append");
    await file.write(Uint8Array.of(10)).finally(() => file.close());
  };
  let signing = Promise.resolve();
  const timer = setInterval(() => {
    signing = sign().catch(() => undefined); // a sign that cannot be given now is given next time
  }, signsEvery).unref();
  const onExit = (): void => {
    try {
      unlinkSync(path);
    } catch {
      // Whoever comes next sees that its owner is dead.
    }
  };
  process.once("exit", onExit);
  return {
    folder,
    async release() {
      clearInterval(timer);
      process.off("exit", onExit);
      await signing;
      await removeFile(path, files);
    },
  };
}

function lockedBy({ owner, path }: Held, folder: string): LtrainError {
  const who = owner === null ? "another run" : `process ${owner.pid} on ${owner.host}, since ${owner.since}`;
  const isForeign = owner !== null && owner.host !== thisProcess().host;
  return new LtrainError("run.locked", `another run is writing in ${folder}: ${who}`, {
    hint: isForeign
      ? `a run that gives no sign of life for two minutes is let go; where it is known to be dead, remove ${path}`
      : "wait until it has ended, or end it",
  });
}
