import { join } from "node:path";
import { fileExists, readText, writeTextAtomically } from "../io/textFile.js";

/** How a run is said to have ended; one that was killed says "running" to this day. */
export type RecordedState = "running" | "done" | "interrupted" | "failed";

/** One part of the module, as the summary shows it. */
export interface RecordedPart {
  readonly name: string;
  readonly type: string;
  readonly parameters: number;
  readonly trainable: number;
}

/** What a run keeps of itself in run.json beside its logs, for `ltrain runs` and `ltrain report`. */
export interface RunRecord {
  readonly schema_version: number;
  readonly state: RecordedState;
  /** Why it ended, or what failed; null while it runs. */
  readonly reason: string | null;
  /** When it was first started, in UTC; a resumed run keeps it. */
  readonly started: string;
  readonly ended: string | null;
  /** Of all its parts, where it was resumed. */
  readonly seconds: number;
  readonly model: string;
  readonly engine: string;
  readonly device: string;
  readonly epochs: number;
  readonly global_step: number;
  /** What a ModelCheckpoint watches, and the best of it so far. */
  readonly best: { readonly metric: string; readonly value: number | null } | null;
  readonly best_model_path: string | null;
  readonly last_checkpoint_path: string | null;
  readonly flops_per_step: number | null;
  readonly summary: readonly RecordedPart[];
}

/** Raised when a member changes its meaning or goes. */
export const RECORD_VERSION = 1;
const RECORD_NAME = "run.json";

/** What a run's folder keeps of its run; null where there is nothing, or nothing that can be understood. */
export async function readRunRecord(folder: string): Promise<RunRecord | null> {
  const path = join(folder, RECORD_NAME);
  if (!(await fileExists(path))) return null;
  try {
    const record = JSON.parse(await readText(path)) as Partial<RunRecord> | null;
    const isOurs = record?.schema_version === RECORD_VERSION && STATES.includes(record.state ?? "");
    return isOurs ? (record as RunRecord) : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

const STATES: readonly string[] = ["running", "done", "interrupted", "failed"] satisfies RecordedState[];

/** Keep a record beside the logs; what JSON has no number for is left out. */
export function writeRunRecord(folder: string, record: RunRecord): Promise<void> {
  const text = JSON.stringify(
    record,
    (_, value: unknown) => (Number.isFinite(value) || typeof value !== "number" ? value : null),
    2,
  );
  return writeTextAtomically(join(folder, RECORD_NAME), `${text}\n`);
}
