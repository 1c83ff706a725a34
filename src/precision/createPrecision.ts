import type { Executor } from "../engine/executor.js";
import { LtrainError } from "../errors.js";
import { halfPrecision } from "./halfPrecision.js";
import { BFLOAT16_MIXED, float16Mixed } from "./mixedPrecision.js";
import type { Precision, PrecisionName } from "./precision.js";
import { FULL_PRECISION, PRECISION_NAMES } from "./precision.js";

/** What else Lightning takes for a precision. */
const ALIASES: Readonly<Record<string, PrecisionName>> = {
  "32": "32-true",
  "16": "16-mixed",
  bf16: "bf16-mixed",
};

/** The precision that a name, an alias or a number of bits stands for; undefined when there is none. */
export function findPrecision(name: string | number): PrecisionName | undefined {
  const text = String(name);
  return Object.hasOwn(ALIASES, text) ? ALIASES[text] : PRECISION_NAMES.find((each) => each === text);
}

/**
 * The precision of that name, or the one that is given as it is; a name that is not there is config.invalid and says
 * what is.
 */
export function createPrecision(given: string | number | Precision): Precision {
  if (typeof given === "object") return given;
  const name = findPrecision(given);
  switch (name) {
    case "32-true":
      return FULL_PRECISION;
    case "16-mixed":
      return float16Mixed();
    case "bf16-mixed":
      return BFLOAT16_MIXED;
    case "16-true":
    case "bf16-true":
      return halfPrecision(name);
    case undefined:
      throw new LtrainError("config.invalid", `trainer.precision "${given}" is not there`, {
        hint: `there are ${PRECISION_NAMES.join(", ")}`,
      });
    default:
      name satisfies never;
      throw new TypeError("unreachable");
  }
}

/** Refuse a precision that the executor cannot compute in, saying who can. */
export function requirePrecision(precision: Precision, executor: Executor): void {
  const { autocast, name } = precision;
  const halves = executor.halves ?? [];
  if (autocast === null || halves.includes(autocast)) return;
  const can = halves.length === 0 ? "computes in float32 only" : `computes in float32 and ${halves.join(", ")}`;
  throw new LtrainError(
    "engine.unsupported",
    `trainer.precision ${name} needs ${autocast}, and the engine ${executor.engine} on ${executor.device} ${can}`,
    { hint: "--engine onnxruntime --accelerator cpu computes in float16 and bfloat16; or train in 32-true" },
  );
}
