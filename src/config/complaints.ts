import { LtrainError } from "../errors.js";
import type { Origin } from "./origin.js";
import { placeOf } from "./origin.js";

/** What kind of mistake a complaint is about. */
export type ComplaintCode = "config.invalid" | "config.unknownClass";

/** Everything that is wrong with a config, gathered before anything is said. */
export class Complaints {
  readonly #complaints: { readonly origin: Origin; readonly line: string }[] = [];
  readonly #codes = new Set<ComplaintCode>();

  /** Note a mistake: where it stands, which key, and what is wrong with it. */
  add(origin: Origin, key: string, text: string, code: ComplaintCode = "config.invalid"): void {
    const line = [placeOf(origin), key, text].filter((part) => part !== "").join(": ");
    this.#complaints.push({ origin, line });
    this.#codes.add(code);
  }

  get count(): number {
    return this.#complaints.length;
  }

  /** Throw all of them at once, one line each and in the order of the file, if there are any. */
  throwIfAny(): void {
    if (this.#complaints.length === 0) return;
    const code: ComplaintCode = this.#codes.has("config.invalid") ? "config.invalid" : "config.unknownClass";
    const order = orderOf(this.#complaints.map(({ origin }) => origin));
    const inOrder = [...this.#complaints].sort((a, b) => order(a.origin, b.origin));
    const lines = [...new Set(inOrder.map(({ line }) => line))];
    const [only] = lines;
    if (only !== undefined && lines.length === 1) throw new LtrainError(code, only);
    const message = [`the config has ${lines.length} mistakes`, ...lines.map((line) => `  ${line}`)].join("\n");
    throw new LtrainError(code, message);
  }
}

/** Files in the order they were met, their lines in order; the command line comes last, as it was typed. */
function orderOf(origins: readonly Origin[]): (a: Origin, b: Origin) => number {
  const files = [...new Set(origins.map((origin) => (origin.kind === "file" ? origin.path : "")))];
  const keys = (origin: Origin): readonly number[] =>
    origin.kind === "file"
      ? [0, files.indexOf(origin.path), origin.line, origin.column]
      : [origin.kind === "override" ? 1 : 0, origin.kind === "override" ? (origin.at ?? 0) : 0, 0, 0];
  return (a, b) => {
    const [first, second] = [keys(a), keys(b)];
    return first.map((key, i) => key - (second[i] ?? 0)).find((difference) => difference !== 0) ?? 0;
  };
}

/** A dotted path as the command line writes it: `trainer.callbacks.0.monitor`. */
export function dotted(path: readonly (string | number)[]): string {
  return path.join(".");
}
