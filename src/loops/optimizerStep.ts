import type { BatchTree } from "../core/batch.js";
import { assembleBatch } from "../core/batch.js";
import type { LightningModule } from "../core/lightningModule.js";
import type { StepFunction } from "../engine/executor.js";
import { LtrainError } from "../errors.js";
import type { Parameter } from "../nn/parameter.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { Precision } from "../precision/precision.js";
import { valueAndGrads } from "../tensor/gradients.js";
import type { Tensor } from "../tensor/tf.js";
import { tf } from "../tensor/tf.js";
import type { AnomalyNote, AnomalyWatch } from "./anomalyWatch.js";
import type { GradientClip } from "./gradientClip.js";
import { clipGradients } from "./gradientClip.js";
import type { GradientWindow } from "./gradientWindow.js";
import { OTHER_BATCH } from "./hostWatch.js";
import type { StepLogs } from "./stepLogs.js";

/** What a training step works on. */
export interface OptimizerStepParts {
  readonly module: LightningModule;
  readonly optimizer: Optimizer;
  readonly precision: Precision;
  readonly logs: StepLogs;
  readonly tree: BatchTree;
  readonly window: GradientWindow;
  /** null: gradients are left as they are. */
  readonly clip: GradientClip | null;
  /** The batch under way. */
  readonly batch: () => BatchPlace;
  /** Hears what the step found out on the host. */
  readonly tell: (note: StepNote) => void;
  /** Looks for numbers that are not finite; null: nobody does. */
  readonly anomalies: AnomalyWatch | null;
}

/** Where in its epoch and in its window a batch stands. */
export interface BatchPlace {
  readonly index: number;
  /** Whether gradients are gathered anew from this batch on. */
  readonly opensWindow: boolean;
  /** Whether the optimizer steps after this batch. */
  readonly steps: boolean;
  /** Whether it only goes forward, for what the module's layers keep of it. */
  readonly forwardOnly: boolean;
}

/** Which parameters a step is about. */
export interface StepNote extends AnomalyNote {
  /** Those that the optimizer updates. */
  readonly updated: ReadonlySet<Parameter>;
  /** Those that have a gradient left for the next batch. */
  readonly gathered: ReadonlySet<Parameter>;
  /** Those of them whose gradient an optimizer has used. */
  readonly spent?: ReadonlySet<Parameter>;
}

/** Inputs that carry the optimizer's numbers of this step begin so. */
export const OPTIMIZER_INPUT = "optimizer.";

/**
 * One training step as one function of tensors: forward, loss, what is logged, backward, accumulation, clipping, update.
 * All that changes from step to step is an input, so that an engine may run it once and keep the graph.
 */
export function optimizerStep(parts: OptimizerStepParts): StepFunction {
  const { module, optimizer, precision, logs, tree, window, clip, tell, anomalies } = parts;
  const trained = trainedParameters([optimizer]);
  return (inputs, recording) => {
    const batch = assembleBatch(tree, inputs);
    const { index, opensWindow, steps, forwardOnly } = parts.batch();
    const batchIdx = recording === "again" ? index + OTHER_BATCH : index;
    const outputs: Record<string, Tensor> = {};
    anomalies?.check("the batch", batch);

    const forward = (): Tensor => {
      const loss = asLoss(module.trainingStep(batch, batchIdx), module);
      outputs["loss"] = loss;
      anomalies?.check("the loss", loss);
      return precision.scaleLoss(window.size === 1 ? loss : tf.div(loss, window.size), inputs);
    };
    if (forwardOnly) {
      module.withLogSink(logs.sink(outputs), () => {
        outputs["loss"] = asLoss(module.trainingStep(batch, batchIdx), module);
      });
      tell({ updated: new Set(), gathered: new Set() });
      return outputs;
    }
    const { grads } = module.withLogSink(logs.sink(outputs), () => valueAndGrads(forward, trained));

    const own = byParameter(trained, grads);
    anomalies?.checkGradients(own);
    const sums = opensWindow ? own : window.add(own);
    if (!steps) {
      window.keep(sums);
      tell({ updated: new Set(), gathered: new Set(sums.keys()) });
      return outputs;
    }
    const { gradients, foundInf } = precision.unscale(sums, inputs);
    const clipped = clip === null ? gradients : clipGradients(gradients, clip);
    const ofPrecision = precision.update(foundInf, () => {
      optimizer.applyGradients(clipped, (name) => inputOf(inputs, OPTIMIZER_INPUT + name));
    });
    tell({ updated: optimizer.updated, gathered: new Set() });
    return { ...outputs, ...ofPrecision };
  };
}

/** Parameters that optimizers change, each once; frozen ones keep their place in the numbering only. */
export function trainedParameters(optimizers: readonly Optimizer[]): Parameter[] {
  const all = optimizers.flatMap(({ paramGroups }) => paramGroups).flatMap(({ params }) => params);
  return [...new Set(all)].filter((parameter) => parameter.requiresGrad);
}

function byParameter(
  parameters: readonly Parameter[],
  grads: readonly (Tensor | null)[],
): ReadonlyMap<Parameter, Tensor> {
  const gradients = new Map<Parameter, Tensor>();
  parameters.forEach((parameter, i) => {
    const grad = grads[i];
    if (grad !== null && grad !== undefined) gradients.set(parameter, grad);
  });
  return gradients;
}

/** The loss that trainingStep gave back. */
export function asLoss(loss: unknown, module: LightningModule): Tensor {
  const shape = (loss as Partial<Tensor> | null | undefined)?.shape;
  if (shape?.length === 0) return loss as Tensor;
  throw new LtrainError(
    "user.failed",
    `${module.constructor.name}.trainingStep must return the loss as a 0-dim tensor, it returned ` +
      (shape === undefined ? String(loss) : `one of shape [${shape.join(", ")}]`),
    { hint: "return the mean or the sum of the loss over the batch" },
  );
}

function inputOf(inputs: Readonly<Record<string, Tensor>>, name: string): Tensor {
  const input = inputs[name];
  if (input === undefined) throw new Error(`the step asks for ${name}, which hostScalars did not give`);
  return input;
}
