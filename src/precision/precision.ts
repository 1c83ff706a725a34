import type { StepOutputs } from "../engine/executor.js";
import type { Module } from "../nn/module.js";
import type { Parameter } from "../nn/parameter.js";
import type { PyDict } from "../pickle/values.js";
import type { HalfType } from "../storage/float16.js";
import type { HostTensor } from "../storage/hostTensor.js";
import type { Tensor } from "../tensor/tf.js";

/** The precisions that can be asked for, by Lightning's names. */
export const PRECISION_NAMES = ["32-true", "16-mixed", "bf16-mixed", "16-true", "bf16-true"] as const;
/** One of them. */
export type PrecisionName = (typeof PRECISION_NAMES)[number];

/** Outputs of a step that are the precision's own, and not the user's, begin so. */
export const PRECISION_OUTPUT = "precision.";

/** Gradients of the parameters that have one. */
export type Gradients = ReadonlyMap<Parameter, Tensor>;

/** A step's inputs by name. */
export type StepInputs = Readonly<Record<string, Tensor>>;

/** Gradients as clipping and the optimizer take them, and what must be known of them. */
export interface UnscaledGradients {
  readonly gradients: Gradients;
  /** 0-dim bool: some gradient is not finite, so the step must not count; null where nobody asks. */
  readonly foundInf: Tensor | null;
}

/** In which numbers we count: what a mixed or half precision changes, it changes here. */
export interface Precision {
  readonly name: PrecisionName;
  /** The class name of Lightning's plugin: its key in the checkpoint. */
  readonly stateKey: string;
  /** The type that products are computed in; null: float32 like all else. */
  readonly autocast: HalfType | null;

  /** Before training: parameters and buffers in the type they are trained in. */
  convertModule(module: Module): Promise<void>;
  /** A tensor of a batch, in the type it is computed with. */
  convertInput(tensor: HostTensor): HostTensor;

  /** Numbers that a training step takes, by name. */
  stepInputs(): Readonly<Record<string, number>>;
  /** Within the step: the loss that is differentiated. */
  scaleLoss(loss: Tensor, inputs: StepInputs): Tensor;
  /** Within the step: gradients of the scaled loss as those of the loss; before they are clipped. */
  unscale(gradients: Gradients, inputs: StepInputs): UnscaledGradients;
  /** Within the step: the optimizer's update, without effect where `foundInf`; gives the step's outputs of its own. */
  update(foundInf: Tensor | null, applyGradients: () => void): Record<string, Tensor>;
  /** After the step: whether the optimizer took it. */
  tookStep(outputs: StepOutputs): Promise<boolean>;

  /** State for the checkpoint; null leaves no entry. */
  stateDict(): PyDict | null;
  /** Whether the state that a checkpoint has under `key` is one of ours. */
  takes(key: string): boolean;
  loadStateDict(state: PyDict): void;
}

/** Full precision: the plugin that changes nothing. */
export const FULL_PRECISION: Precision = {
  name: "32-true",
  stateKey: "Precision",
  autocast: null,
  convertModule: () => Promise.resolve(),
  convertInput: (tensor) => tensor,
  stepInputs: () => ({}),
  scaleLoss: (loss) => loss,
  unscale: (gradients) => ({ gradients, foundInf: null }),
  update: (_foundInf, applyGradients) => {
    applyGradients();
    return {};
  },
  tookStep: () => Promise.resolve(true),
  stateDict: () => null,
  takes: () => false,
  loadStateDict: () => undefined,
};
