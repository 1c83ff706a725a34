import { join } from "node:path";
import { LtrainError } from "../errors.js";
import { processIdentity } from "../io/environment.js";
import { appendBytes, makeFolder } from "../io/textFile.js";
import { histogramOf } from "./histogram.js";
import type { HparamScalar, SessionStatus } from "./tensorBoardEvents.js";
import {
  fileVersionEvent,
  histogramEvent,
  hparamsEvents,
  scalarsEvent,
  sessionEndEvent,
  sessionStartEvent,
} from "./tensorBoardEvents.js";

/** Files of this process so far: no two may have one name. */
let opened = 0;

/** Writes TensorBoard's event files: torch.utils.tensorboard's SummaryWriter, as far as scalars, histograms and hparams. */
export class SummaryWriter {
  readonly logDir: string;
  readonly #suffix: string;
  #path: string | null = null;
  #pending: Uint8Array[] = [];
  #writing: Promise<void> = Promise.resolve();

  constructor(logDir: string, options: { readonly filenameSuffix?: string } = {}) {
    this.logDir = logDir;
    this.#suffix = options.filenameSuffix ?? "";
  }

  /** One number at a step. */
  addScalar(tag: string, value: number, globalStep = 0): void {
    this.addScalars({ [tag]: value }, globalStep);
  }

  /** Numbers of one step, each under its own tag. */
  addScalars(metrics: Readonly<Record<string, number>>, globalStep = 0): void {
    this.#pending.push(scalarsEvent(metrics, momentAt(globalStep)));
  }

  /** Numbers counted in buckets: weights, gradients. What is not finite is left out. */
  addHistogram(tag: string, values: Iterable<number>, globalStep = 0): void {
    const histogram = histogramOf(values);
    if (histogram === null) {
      throw new LtrainError("argument.invalid", `addHistogram: "${tag}" has no finite value to count`);
    }
    this.#pending.push(histogramEvent(tag, histogram, momentAt(globalStep)));
  }

  /** The row of the hparams page: these hyperparameters, and the tags that are its metrics. */
  addHparams(hparams: Readonly<Record<string, HparamScalar>>, metrics: readonly string[], globalStep = 0): void {
    this.#pending.push(...hparamsEvents(hparams, metrics, momentAt(globalStep)));
  }

  /** How the hparams page says that this session ended. */
  endSession(status: SessionStatus, globalStep = 0): void {
    this.#pending.push(sessionEndEvent(status, momentAt(globalStep)));
  }

  /** Go on at a step: what older files of the folder hold from there on is not shown any more. */
  purgeFrom(globalStep: number): void {
    this.#pending.push(sessionStartEvent(momentAt(globalStep)));
  }

  /** Bring what was added to the disk. */
  flush(): Promise<void> {
    const turn = this.#writing.then(() => this.#write());
    this.#writing = turn.catch(() => undefined); // whoever waits for this turn hears of it; the next one still runs
    return turn;
  }

  async #write(): Promise<void> {
    if (this.#pending.length === 0) return;
    const events = this.#pending;
    this.#pending = [];
    const start = this.#path === null ? [fileVersionEvent(Date.now() / 1000)] : [];
    await makeFolder(this.logDir);
    const path = (this.#path ??= this.#nextPath());
    try {
      await appendBytes(path, joined([...start, ...events]));
    } catch (error) {
      // Half a record may stand at the end, and nothing after it would be read: what comes goes into a new file.
      this.#path = null;
      this.#pending = [...events, ...this.#pending];
      throw error;
    }
  }

  #nextPath(): string {
    const { host, pid } = processIdentity();
    const seconds = String(Math.floor(Date.now() / 1000)).padStart(10, "0");
    const name = `events.out.tfevents.${seconds}.${host}.${pid}.${opened}${this.#suffix}`;
    opened += 1;
    return join(this.logDir, name);
  }
}

function momentAt(step: number): { readonly step: number; readonly wallTime: number } {
  return { step, wallTime: Date.now() / 1000 };
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.byteLength;
  }
  return whole;
}
