import type { FlatBatch } from "../core/batch.js";
import type { StepFunction } from "../engine/executor.js";
import { LtrainError } from "../errors.js";
import type { Optimizer } from "../optim/optimizer.js";
import { batchSizeOf } from "../core/batch.js";
import type { HostTensor } from "../storage/hostTensor.js";
import { scalarTensor } from "../storage/hostTensor.js";
import { AnomalyWatch } from "./anomalyWatch.js";
import type { GradientClip } from "./gradientClip.js";
import { GradientWindow } from "./gradientWindow.js";
import type { LoopContext } from "./loopContext.js";
import { ManualOptimization } from "./manualStep.js";
import type { BatchPlace, StepNote } from "./optimizerStep.js";
import { OPTIMIZER_INPUT, optimizerStep } from "./optimizerStep.js";
import { optimizerVariant } from "./optimizerVariant.js";
import { Progress } from "./progress.js";
import type { StepLogs } from "./stepLogs.js";
import { StepRunner } from "./stepRunner.js";

/** What decides how batches become steps. */
export interface TrainingStepsOptions {
  /** Batches whose gradients make one optimizer step. */
  readonly accumulateGradBatches: number;
  readonly gradientClip: GradientClip | null;
  /** Whether a number that is not finite ends training. */
  readonly detectAnomaly: boolean;
}

/** Runs the module's training step, and counts what it did: the loop's own optimization, or the module's. */
export class TrainingSteps {
  readonly optimizerProgress = new Progress("step");
  readonly zeroGradProgress = new Progress("zeroGrad");
  /** Steps of a module that optimizes by hand. As in Lightning, `current` goes on from epoch to epoch. */
  readonly manualProgress = new Progress("step");
  readonly window: GradientWindow;
  /** Whether the optimizer took a step with the batch under way; with gradients that overflowed it takes none. */
  stepped = true;

  readonly #context: LoopContext;
  readonly #logs: StepLogs;
  readonly #place: () => BatchPlace;
  readonly #anomalies: AnomalyWatch | null;
  readonly #runner: StepRunner<StepNote>;

  constructor(context: LoopContext, options: TrainingStepsOptions, logs: StepLogs, place: () => BatchPlace) {
    this.#context = context;
    this.#logs = logs;
    this.#place = place;
    this.window = new GradientWindow(options.accumulateGradBatches, context.optimizers);
    this.#anomalies = options.detectAnomaly ? watchOf(context) : null;
    this.#runner = this.#isAutomatic ? this.#automatic(options.gradientClip) : this.#manual(options);
  }

  /** Optimizer steps over the whole training. */
  get globalStep(): number {
    return (this.#isAutomatic ? this.optimizerProgress : this.manualProgress).total.completed;
  }

  /** Train a batch. */
  async run(batch: FlatBatch): Promise<void> {
    const others = this.#isAutomatic ? this.#beforeStep() : {};
    const step = this.globalStep; // a module that optimizes by hand counts while it runs
    const { outputs, note } = await this.#runner.run(batch, others);
    await this.#anomalies?.refuse(outputs, note?.sites ?? [], step);
    const { steps, forwardOnly } = this.#place();
    this.stepped = steps && !forwardOnly && (await this.#context.precision.tookStep(outputs));
    await this.#logs.add(outputs, batchSizeOf(batch));
    this.window.settle(note?.gathered ?? new Set(), note?.spent);
    if (!this.#isAutomatic) return;
    if (this.stepped) this.#optimizer.afterStep(note?.updated);
    // Lightning's global_step counts a skipped step like any other.
    if (steps) this.optimizerProgress.increment("completed");
  }

  get #isAutomatic(): boolean {
    return this.#context.module.automaticOptimization;
  }
  /** The one optimizer of automatic optimization. */
  get #optimizer(): Optimizer {
    const [optimizer] = this.#context.optimizers;
    if (optimizer === undefined) throw new Error("there is no optimizer");
    return optimizer;
  }

  /** Count what is about to happen; gives the numbers that the step takes. */
  #beforeStep(): Record<string, HostTensor> {
    const { opensWindow, steps, forwardOnly } = this.#place();
    if (steps) this.optimizerProgress.increment("ready");
    if (forwardOnly) return {};
    if (opensWindow) {
      for (const moment of ["ready", "started", "completed"] as const) this.zeroGradProgress.increment(moment);
    }
    return {
      ...(steps && scalarInputs(OPTIMIZER_INPUT, this.#optimizer.hostScalars())),
      ...scalarInputs("", this.#context.precision.stepInputs()),
    };
  }

  #automatic(clip: GradientClip | null): StepRunner<StepNote> {
    const { module, precision } = this.#context;
    const { window } = this;
    const optimizer = this.#optimizer;
    const anomalies = this.#anomalies;
    const parts = { module, optimizer, precision, window, logs: this.#logs, clip, anomalies };
    return new StepRunner(this.#context, {
      name: "trainingStep",
      build: (tree, tell) =>
        watched(anomalies, (told) => optimizerStep({ ...parts, tree, tell: told, batch: this.#place }), tell),
      variant: () => {
        const { opensWindow, steps, forwardOnly } = this.#place();
        if (forwardOnly) return "forward";
        return `${window.size} ${opensWindow ? "opens" : window.key} ${steps ? optimizerVariant(optimizer) : "gathers"}`;
      },
    });
  }

  #manual({ accumulateGradBatches, gradientClip }: TrainingStepsOptions): StepRunner<StepNote> {
    const { module, optimizers, precision } = this.#context;
    const refuse = (option: string, way: string): never => {
      throw new LtrainError("config.invalid", `${option} is for automatic optimization`, { hint: way });
    };
    if (gradientClip !== null) refuse("trainer.gradient_clip_val", "call this.clipGradients in trainingStep");
    if (accumulateGradBatches !== 1) {
      refuse("trainer.accumulate_grad_batches", "call the optimizer's zeroGrad and step every so many batches");
    }
    if (precision.name === "16-mixed") {
      throw new LtrainError(
        "config.invalid",
        "precision 16-mixed is for automatic optimization: whether a step is taken, and how the loss of the next one is " +
          "scaled, is known only after a step, while trainingStep takes its steps in one",
        { hint: "train in bf16-mixed, which needs no scaling, or in 32-true" },
      );
    }
    const manual = new ManualOptimization({
      module,
      optimizers,
      logs: this.#logs,
      window: this.window,
      progress: this.manualProgress,
      batchIdx: () => this.#place().index,
      anomalies: this.#anomalies,
    });
    return new StepRunner(this.#context, {
      name: "trainingStep",
      build: (tree, tell) => watched(this.#anomalies, (told) => manual.build(tree, told), tell),
      variant: () => manual.variant(),
    });
  }
}

/** A scaled loss has gradients that overflow now and then: the scaler sees to them. */
function watchOf({ module, precision }: LoopContext): AnomalyWatch {
  return new AnomalyWatch(module, precision.name !== "16-mixed");
}

function watched(
  anomalies: AnomalyWatch | null,
  build: (tell: (note: StepNote) => void) => StepFunction,
  tell: (note: StepNote) => void,
): StepFunction {
  return anomalies === null ? build(tell) : anomalies.watch(build, tell);
}

function scalarInputs(prefix: string, scalars: Readonly<Record<string, number>>): Record<string, HostTensor> {
  const inputs: Record<string, HostTensor> = {};
  for (const [name, value] of Object.entries(scalars)) inputs[prefix + name] = scalarTensor(value);
  return inputs;
}
