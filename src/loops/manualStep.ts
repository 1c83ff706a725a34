import type { BatchTree } from "../core/batch.js";
import { assembleBatch } from "../core/batch.js";
import type { LightningModule } from "../core/lightningModule.js";
import type { ClipGradientsOptions, ManualSteps } from "../core/manualOptimization.js";
import type { Recording, StepFunction } from "../engine/executor.js";
import { LtrainError } from "../errors.js";
import type { Parameter } from "../nn/parameter.js";
import type { LRScheduler } from "../optim/lrScheduler.js";
import type { Optimizer } from "../optim/optimizer.js";
import { GradientTape, noGrad } from "../tensor/gradients.js";
import { atEveryRun, hostNumber } from "../tensor/randomInput.js";
import type { Tensor } from "../tensor/tf.js";
import { tf } from "../tensor/tf.js";
import type { AnomalyWatch } from "./anomalyWatch.js";
import { clipGradients } from "./gradientClip.js";
import type { GradientWindow } from "./gradientWindow.js";
import { OTHER_BATCH } from "./hostWatch.js";
import type { StepNote } from "./optimizerStep.js";
import { asLoss, trainedParameters } from "./optimizerStep.js";
import { optimizerVariant } from "./optimizerVariant.js";
import type { Progress } from "./progress.js";
import type { StepLogs } from "./stepLogs.js";

/** What a step that optimizes by hand works on. */
export interface ManualStepParts {
  readonly module: LightningModule;
  readonly optimizers: readonly Optimizer[];
  readonly logs: StepLogs;
  /** Gradients that a batch leaves for the next: torch's `.grad`. */
  readonly window: GradientWindow;
  /** Counts the optimizers' steps. */
  readonly progress: Progress;
  /** Index of the batch under way. */
  readonly batchIdx: () => number;
  /** Looks for numbers that are not finite; null: nobody does. */
  readonly anomalies: AnomalyWatch | null;
}

/**
 * Steps of a module that optimizes by hand: trainingStep as one function of tensors, updates included. What the host
 * does for an update (numbers, counters) it does at every run of the step, in the place where trainingStep says step().
 */
export class ManualOptimization {
  readonly #parts: ManualStepParts;
  /** The most steps that each optimizer was seen to take in one batch: a capture depends on their numbers' names. */
  readonly #steps = new Map<Optimizer, number>();

  constructor(parts: ManualStepParts) {
    this.#parts = parts;
  }

  /** What on the host decides about the step's ops: left gradients, options, how far parameters have come. */
  variant(): string {
    const { optimizers, window } = this.#parts;
    return optimizers.map((each) => `${optimizerVariant(each)} ${this.#names(each)}`).join() + window.key;
  }

  /** The step for batches of a structure. */
  build(tree: BatchTree, tell: (note: StepNote) => void): StepFunction {
    const { module, logs, window, optimizers } = this.#parts;
    return (inputs, recording) => {
      const batch = assembleBatch(tree, inputs);
      const index = this.#parts.batchIdx();
      this.#parts.anomalies?.check("the batch", batch);
      const outputs: Record<string, Tensor> = {};
      // A recording only tells what is to be done: the counts are put back, and each run does it.
      const putBack = recording === undefined ? [] : optimizers.map((each) => each.holdCounts());
      const run = new ManualRun(this.#parts, this.#steps, recording);
      try {
        const loss = module.withManualSteps(run, () =>
          module.withLogSink(logs.sink(outputs), () =>
            module.trainingStep(batch, recording === "again" ? index + OTHER_BATCH : index),
          ),
        );
        if (loss !== undefined) outputs["loss"] = asLoss(loss, module);
      } finally {
        run.end();
        for (const each of putBack) each();
      }
      window.keep(run.changed);
      tell({ updated: new Set(), gathered: run.left, spent: run.spent });
      return outputs;
    };
  }

  /** The names of the numbers that an optimizer's next steps take; which they are depends on how far it has come. */
  #names(optimizer: Optimizer): string {
    const most = this.#steps.get(optimizer) ?? 1;
    const all = new Set(optimizer.paramGroups.flatMap(({ params }) => params));
    const putBack = optimizer.holdCounts();
    let names = "";
    for (let i = 0; i < most; i += 1) {
      names += `${Object.keys(optimizer.hostScalars((param) => all.has(param))).join()};`;
      if (i + 1 < most) optimizer.afterStep(all);
    }
    putBack();
    return names;
  }
}

/** One run, or one recording, of trainingStep. */
class ManualRun implements ManualSteps {
  readonly #parts: ManualStepParts;
  readonly #most: Map<Optimizer, number>;
  readonly #recording: Recording | undefined;
  readonly #tape = new GradientTape();
  readonly #taken = new Map<Optimizer, number>();
  /** Gradients as they are now; those of earlier batches, undefined, are read when somebody asks. */
  readonly #gradients: Map<Parameter, Tensor | undefined>;
  /** Parameters whose gradient an optimizer has used, and nothing was added to since. */
  readonly #spent: Set<Parameter>;
  /** Parameters whose gradient was added to one that had been used. */
  readonly #onSpent = new Set<Parameter>();
  #needsSpent = false;

  constructor(parts: ManualStepParts, most: Map<Optimizer, number>, recording: Recording | undefined) {
    this.#parts = parts;
    this.#most = most;
    this.#recording = recording;
    const { window } = parts;
    this.#gradients = new Map([...window.filled].map((parameter) => [parameter, undefined]));
    this.#spent = new Set(window.spent);
  }

  /** Parameters with a gradient that nobody has cleared. */
  get left(): ReadonlySet<Parameter> {
    return new Set(this.#gradients.keys());
  }
  /** Gradients that are others than before. */
  get changed(): ReadonlyMap<Parameter, Tensor> {
    const all = [...this.#gradients].filter((entry): entry is [Parameter, Tensor] => entry[1] !== undefined);
    return new Map(all);
  }
  /** What a checkpoint can do without: gradients that were used, where the next ones are not added to them. */
  get spent(): ReadonlySet<Parameter> {
    return this.#needsSpent ? new Set() : this.#spent;
  }

  end(): void {
    this.#tape.end();
  }

  backward(loss: Tensor): void {
    const { module, optimizers, anomalies } = this.#parts;
    const parameters = trainedParameters(optimizers);
    const leaves = parameters.map((parameter) => parameter.value);
    anomalies?.check("the loss", loss);
    const gradients = this.#tape.gradients(asLoss(loss, module), leaves);
    anomalies?.checkGradients(
      new Map(parameters.flatMap((parameter, i) => (gradients[i] ? [[parameter, gradients[i]] as const] : []))),
    );
    noGrad(() => {
      parameters.forEach((parameter, i) => {
        const gradient = gradients[i];
        if (gradient === null || gradient === undefined) return;
        const before = this.#gradientOf(parameter);
        this.#gradients.set(parameter, before === undefined ? gradient : tf.add(before, gradient));
        if (this.#spent.delete(parameter)) this.#onSpent.add(parameter);
      });
    });
  }

  zeroGrad(optimizer: Optimizer): void {
    for (const parameter of paramsOf(optimizer)) {
      this.#gradients.delete(parameter);
      this.#spent.delete(parameter);
      this.#onSpent.delete(parameter);
    }
  }

  clip(optimizer: Optimizer, options: ClipGradientsOptions): void {
    const { gradientClipVal: value, gradientClipAlgorithm: algorithm = "norm" } = options;
    if (!(value >= 0))
      throw new LtrainError("user.failed", `clipGradients: gradientClipVal is at least 0, got ${value}`);
    noGrad(() => {
      for (const [parameter, gradient] of clipGradients(this.#of(optimizer), { value, algorithm })) {
        this.#gradients.set(parameter, gradient);
      }
    });
  }

  step(optimizer: Optimizer, closure: (() => void) | undefined): void {
    const { progress, optimizers } = this.#parts;
    const call = (this.#taken.get(optimizer) ?? 0) + 1;
    this.#taken.set(optimizer, call);
    this.#most.set(optimizer, Math.max(call, this.#most.get(optimizer) ?? 1));
    const name = `optimizer ${optimizers.indexOf(optimizer)} step ${call}`;
    atEveryRun(`${name} begins`, () => {
      progress.increment("ready");
    });
    closure?.();
    const gradients = this.#of(optimizer);
    const isUpdated = (parameter: Parameter): boolean => gradients.has(parameter);
    let scalars = optimizer.hostScalars(isUpdated);
    const names = Object.keys(scalars);
    atEveryRun(name, () => {
      scalars = optimizer.hostScalars(isUpdated);
      if (Object.keys(scalars).join() !== names.join()) throw new Error(`${name} takes other numbers than it did`);
    });
    const inputs = new Map(names.map((key) => [key, hostNumber(`${name} ${key}`, () => scalars[key] ?? Number.NaN)]));
    noGrad(() => {
      optimizer.applyGradients(gradients, (key) => inputs.get(key) ?? unknownNumber(key));
    });
    const { updated } = optimizer;
    atEveryRun(`${name} ends`, () => {
      optimizer.afterStep(updated);
      progress.increment("completed");
    });
    if (this.#recording !== undefined) optimizer.afterStep(updated);
    for (const parameter of updated) {
      this.#needsSpent ||= this.#onSpent.has(parameter);
      this.#spent.add(parameter);
    }
  }

  stepScheduler(scheduler: LRScheduler, metric: number | undefined): void {
    atEveryRun(`${scheduler.constructor.name} steps`, () => {
      scheduler.step(metric);
    });
  }

  /** The gradients of an optimizer's parameters, of those that have one. */
  #of(optimizer: Optimizer): Map<Parameter, Tensor> {
    const own = new Map<Parameter, Tensor>();
    for (const parameter of paramsOf(optimizer)) {
      const gradient = this.#gradientOf(parameter);
      if (gradient !== undefined) own.set(parameter, gradient);
    }
    return own;
  }
  #gradientOf(parameter: Parameter): Tensor | undefined {
    if (!this.#gradients.has(parameter)) return undefined;
    return this.#gradients.get(parameter) ?? this.#parts.window.left(parameter);
  }
}

function paramsOf(optimizer: Optimizer): Parameter[] {
  return optimizer.paramGroups.flatMap(({ params }) => params);
}

function unknownNumber(key: string): never {
  throw new Error(`the step asks for ${key}, which hostScalars did not give`);
}
