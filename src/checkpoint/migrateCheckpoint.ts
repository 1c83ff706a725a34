import type { PyValue } from "../pickle/values.js";
import { PyDict } from "../pickle/values.js";

/** One change of Lightning's layout: files older than `before` are brought to what that version writes. */
export interface Migration {
  readonly before: string;
  readonly migrate: (checkpoint: PyDict) => void;
}

/**
 * Oldest first. Only the names that hyper-parameters had before 1.0 are brought up to date so far; the layouts of
 * `loops` before 2.0 are read as they are.
 */
const MIGRATIONS: readonly Migration[] = [
  {
    before: "1.0.0",
    migrate: (checkpoint) => {
      renameKey(checkpoint, "hparams", "hyper_parameters");
      renameKey(checkpoint, "module_arguments", "hyper_parameters");
    },
  },
];

/**
 * A Lightning checkpoint in today's layout. The dict given is left alone; a file that does not say its version is taken
 * as it is, as is one from a newer Lightning.
 */
export function migrateCheckpoint(root: PyDict): PyDict {
  const version = root.get("pytorch-lightning_version");
  if (typeof version !== "string") return root;
  const due = MIGRATIONS.filter(({ before }) => isOlder(version, before));
  if (due.length === 0) return root;
  const migrated = new PyDict(root, root.kind);
  for (const { migrate } of due) migrate(migrated);
  return migrated;
}

/** Whether version `a` comes before `b`; suffixes like rc1 are not looked at. */
export function isOlder(a: string, b: string): boolean {
  const [left, right] = [numbersOf(a), numbersOf(b)];
  for (let index = 0; index < 3; index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

function numbersOf(version: string): number[] {
  return version.split(".").map((part) => Number.parseInt(part, 10) || 0);
}

function renameKey(dict: PyDict, from: string, to: string): void {
  const value: PyValue | undefined = dict.get(from);
  if (value === undefined || dict.has(to)) return;
  dict.delete(from);
  dict.set(to, value);
}
