import { readFileSync, readlinkSync } from "node:fs";
import { processIdentity } from "./environment.js";

/** A process, told apart from every other one there was or will be, as far as the system lets us. */
export interface ProcessOwner {
  readonly pid: number;
  readonly host: string;
  /** Which start of the machine; null where it does not say. */
  readonly boot: string | null;
  /** Which numbering of processes it lives in: containers on one machine have their own. */
  readonly namespace: string | null;
  /** When it began, in the system's own count: a number is given again, but not with the same beginning. */
  readonly began: string | null;
}

/** This process. */
export function thisProcess(): ProcessOwner {
  const { host, pid } = processIdentity();
  return { pid, host, boot: bootId(), namespace: pidNamespace(), began: processStatus(pid)?.began ?? null };
}

/** Whether a process still lives; null where nobody here can know. */
export function isAlive(owner: ProcessOwner, here: ProcessOwner = thisProcess()): boolean | null {
  if (owner.host !== here.host || owner.namespace !== here.namespace) return null;
  if (owner.boot !== here.boot) return false; // the machine has been started anew
  if (!takesSignals(owner.pid)) return false;
  const status = processStatus(owner.pid);
  if (status === null) return true; // no /proc here: the number is all there is
  return !status.isZombie && (owner.began === null || status.began === owner.began);
}

function takesSignals(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"; // somebody else's, and alive
  }
}

/** State and start time are the 3rd and the 22nd field of /proc/PID/stat, counted behind the name in parentheses. */
function processStatus(pid: number): { readonly isZombie: boolean; readonly began: string } | null {
  const text = readOr(() => readFileSync(`/proc/${pid}/stat`, "latin1"));
  if (text === null) return null;
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { isZombie: fields[0] === "Z" || fields[0] === "X", began: fields[19] ?? "" };
}

function bootId(): string | null {
  return readOr(() => readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim());
}

function pidNamespace(): string | null {
  return readOr(() => readlinkSync("/proc/self/ns/pid"));
}

function readOr(read: () => string): string | null {
  try {
    return read();
  } catch {
    return null; // another system, or one that does not tell
  }
}
