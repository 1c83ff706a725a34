import type { BatchTree, FlatBatch } from "../core/batch.js";
import type { LightningModule } from "../core/lightningModule.js";
import type { CompiledStep, Executor, StepFunction, StepOutputs } from "../engine/executor.js";
import type { Precision } from "../precision/precision.js";
import type { HostTensor } from "../storage/hostTensor.js";
import { HostWatch } from "./hostWatch.js";

/** What runs a step, and whose step it is. */
export interface StepContext {
  readonly executor: Executor;
  readonly precision: Precision;
  readonly module: LightningModule;
}

/** What a step is made of. */
export interface StepParts<Note> {
  /** The name of the module's method. */
  readonly name: string;
  /** The step for batches of a structure; it tells what it finds out on the host while it runs. */
  readonly build: (tree: BatchTree, tell: (note: Note) => void) => StepFunction;
  /** What on the host decides about the step's ops, beside the module and the trainer. */
  readonly variant?: () => string;
}

/** What a run gave. */
export interface StepRun<Note> {
  readonly outputs: StepOutputs;
  /** What the step told when it was captured, or just now where it just runs. */
  readonly note: Note | undefined;
}

interface Entry<Note> {
  readonly compiled: CompiledStep;
  note: Note | undefined;
}

/**
 * Compiles a step for every structure and shape of batch, and for everything on the host that it may see: a captured
 * step knows of nothing that changes.
 */
export class StepRunner<Note = never> {
  readonly #context: StepContext;
  readonly #parts: StepParts<Note>;
  readonly #watch: HostWatch;
  readonly #entries = new Map<string, Entry<Note>>();

  constructor(context: StepContext, parts: StepParts<Note>) {
    this.#context = context;
    this.#parts = parts;
    this.#watch = new HostWatch(context.module, parts.name);
  }

  /** Run the step on a batch and what else it takes. */
  async run(batch: FlatBatch, others: Readonly<Record<string, HostTensor>> = {}): Promise<StepRun<Note>> {
    const { precision } = this.#context;
    const inputs: Record<string, HostTensor> = { ...others };
    for (const [name, tensor] of Object.entries(batch.inputs)) inputs[name] = precision.convertInput(tensor);
    const inner = `${JSON.stringify(batch.tree)} ${shapesOf(inputs)} ${this.#parts.variant?.() ?? ""}`;
    const key = `${inner} ${this.#watch.key()}`;
    const entry = this.#entries.get(key) ?? this.#compile(batch.tree);
    const outputs = await entry.compiled.run(inputs);
    this.#entries.set(key, entry);
    // The step may have read what was not watched before.
    if (this.#watch.hasNews) this.#entries.set(`${inner} ${this.#watch.key()}`, entry);
    return { outputs, note: entry.note };
  }

  #compile(tree: BatchTree): Entry<Note> {
    const { executor, precision } = this.#context;
    const { name, build } = this.#parts;
    const inner = build(tree, (note) => {
      entry.note = note;
    });
    const step: StepFunction = (inputs, recording) =>
      recording === undefined ? inner(inputs) : this.#watch.record(() => inner(inputs, recording));
    Object.defineProperty(step, "name", { value: name });
    const entry: Entry<Note> = { compiled: executor.compile(step, { autocast: precision.autocast }), note: undefined };
    return entry;
  }
}

function shapesOf(inputs: Readonly<Record<string, HostTensor>>): string {
  let text = "";
  for (const name in inputs) {
    const tensor = inputs[name];
    text += `${name}:${tensor?.dtype ?? ""}[${tensor?.shape.join() ?? ""}]`;
  }
  return text;
}
