import { createHash } from "node:crypto";
import { LtrainError } from "../errors.js";
import type { CapturedStep } from "./capture.js";
import { captureStep } from "./capture.js";
import { userLine } from "./callSite.js";
import type { StepFunction } from "./executor.js";
import type { TensorSpec, Value } from "./graph.js";
import { printConstant, printGraph } from "./graph.js";

/** A captured step that came out the same when it was captured again. */
export interface RehearsedStep extends CapturedStep {
  /** The whole graph in words, constants included: two steps of equal text over the same Variables are one. */
  readonly text: string;
}

type Specs = Readonly<Record<string, TensorSpec>>;

/**
 * Capture a step twice. A value of the host's that the step picks up (the batch's index, a random number, the time)
 * would be in the graph for good: two graphs that differ are engine.unsupported, with the line where they do.
 */
export function captureTwice(step: StepFunction, inputs: Specs): RehearsedStep {
  const captured = captureStep(step, inputs);
  const rehearsed = { ...captured, text: textOf(captured) };
  requireSame(rehearsed, step, inputs);
  return rehearsed;
}

/** Capture a step once more and compare: what it picks up may have changed since. */
export function requireSame(known: RehearsedStep, step: StepFunction, inputs: Specs): void {
  const again = captureStep(step, inputs, { recording: "again" });
  if (textOf(again) === known.text && again.variables.every((variable, i) => variable === known.variables[i])) return;
  throw differenceError(known, again, step, inputs);
}

/** Whether two steps do the same to the same Variables. */
export function isSameStep(a: RehearsedStep, b: RehearsedStep): boolean {
  return (
    a.text === b.text &&
    a.variables.length === b.variables.length &&
    a.variables.every((variable, i) => variable === b.variables[i])
  );
}

function textOf({ graph, draws }: CapturedStep): string {
  return [printGraph(graph, exactConstant), ...draws.map(({ name, shape }) => `${name} [${shape.join()}]`)].join("\n");
}

/** Numbers as they are read back, large constants by their digest: whoever prints equal is equal. */
function exactConstant(value: Value): string {
  const { constant } = value;
  if (constant === null || constant.length <= 6) return `${value.dtype} ${printConstant(value)}`;
  const bytes = new Uint8Array(constant.buffer, constant.byteOffset, constant.byteLength);
  return `${printConstant(value)} ${createHash("sha1").update(bytes).digest("hex")}`;
}

function differenceError(known: RehearsedStep, again: CapturedStep, step: StepFunction, inputs: Specs): LtrainError {
  const hint =
    "batchIdx, Math.random, Date or a counter would keep the value of the first batch: make it part of the batch or " +
    "a Variable, keep what changes rarely in a plain field of the module, or train with --engine tfjs";
  const name = step.name === "" ? "the step" : step.name;
  const before = known.text.split("\n");
  const after = textOf(again).split("\n");
  const at = before.findIndex((line, i) => line !== after[i]);
  if (at < 0) {
    return new LtrainError("engine.unsupported", `${name} makes a Variable each time it runs`, {
      hint: "make it in the constructor, so that it is the same one from step to step",
    });
  }
  const place = placeOf(at - known.graph.inputs.length, step, inputs);
  return new LtrainError(
    "engine.unsupported",
    `${name} depends on more than its inputs: run twice on the same batch it gives${place} ` +
      `"${shorten(before[at])}" and then "${shorten(after[at])}"`,
    { hint },
  );
}

/** Where the node of that number comes from, as a third run says; nothing for what is no node. */
function placeOf(node: number, step: StepFunction, inputs: Specs): string {
  try {
    const { graph } = captureStep(step, inputs, { recording: "again", places: true });
    const origin = graph.nodes[node]?.origin;
    return origin === undefined ? "" : `, in ${origin},`;
  } catch {
    return `, near ${userLine()},`;
  }
}

/** A line without what is the same in every graph: the number of the value and the kernel it comes from. */
function shorten(line = "nothing more"): string {
  return line.replace(/^%\d+ /, "").replace(/ {2}# .*$/, "");
}

/** Runs between two looks grow by this factor: a step that took long to train is worth the time of a capture. */
const LOOK_FACTOR = 32;

/** Whether a captured step is compared with what the user's code says now, before its n-th run: 32, 1024, 32768... */
export function isLookedAtAgain(run: number): boolean {
  let look = LOOK_FACTOR;
  while (look < run) look *= LOOK_FACTOR;
  return look === run;
}
