import type { Executor } from "../engine/executor.js";
import { LtrainError } from "../errors.js";

/** Lightning's `deterministic`: whether runs must give the same bits, or whether to warn where they may not. */
export type Deterministic = boolean | "warn";

/** On the CPU the same steps give the same bits; of a GPU's kernels nobody has promised that. */
export function checkDeterminism(
  { device, engine }: Executor,
  wanted: Deterministic,
  warn: (message: string) => void,
): void {
  if (wanted === false || device === "cpu") return;
  const message = `${engine} on ${device} may give other bits from run to run`;
  if (wanted === "warn") warn(message);
  else {
    throw new LtrainError("engine.unsupported", `trainer.deterministic is true, and ${message}`, {
      hint: "--accelerator cpu gives the same bits; deterministic: warn trains here",
    });
  }
}
