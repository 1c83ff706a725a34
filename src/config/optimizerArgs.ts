import { z } from "zod";

// Descriptions stand on the outermost schema: there the defaults' wrappers do not hide them.
const learningRate = (fallback: number): z.ZodDefault<z.ZodNumber> =>
  z.number().min(0).default(fallback).describe("The learning rate.");
const flag = (fallback: boolean, description: string): z.ZodDefault<z.ZodBoolean> =>
  z.boolean().default(fallback).describe(description);
/** torch's choices among implementations: kept in the checkpoint, without influence on the arithmetic here. */
const implementation = z
  .boolean()
  .nullable()
  .default(null)
  .describe("Which of torch's implementations is meant; kept in the checkpoint, without influence here.");
const kept = flag(false, "torch's option; kept in the checkpoint, without influence here.");
const maximize = flag(false, "Go up instead of down.");
const atLeastZero = (fallback: number, description: string): z.ZodDefault<z.ZodNumber> =>
  z.number().min(0).default(fallback).describe(description);
const eps = (fallback: number): z.ZodDefault<z.ZodNumber> => atLeastZero(fallback, "Added to the denominator.");
const weightDecay = atLeastZero(0, "L2 penalty.");
const decoupled = flag(false, "Weight decay beside the gradient instead of in it.");
const betas = z
  .tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)])
  .default([0.9, 0.999])
  .meta({
    description: "Decay of the running averages of the gradient and of its square.",
    expected: "a list of two numbers of at least 0 and below 1",
  });

/** init_args of SGD: torch's. */
export const sgdArgs = z.strictObject({
  lr: learningRate(1e-3),
  momentum: atLeastZero(0, "Momentum."),
  dampening: z.number().default(0).describe("Dampening of the momentum."),
  weight_decay: weightDecay,
  nesterov: flag(false, "Nesterov's momentum; needs momentum and no dampening."),
  maximize,
  foreach: implementation,
  differentiable: kept,
  fused: implementation,
});

/** What Adam and AdamW both take. */
const adamFields = {
  lr: learningRate(1e-3),
  betas,
  eps: eps(1e-8),
  weight_decay: weightDecay,
  amsgrad: flag(false, "The AMSGrad variant."),
  maximize,
  foreach: implementation,
  capturable: kept,
  differentiable: kept,
  fused: implementation,
};

/** init_args of Adam: torch's. */
export const adamArgs = z.strictObject({ ...adamFields, decoupled_weight_decay: decoupled });

/** init_args of AdamW: torch's. */
export const adamWArgs = z.strictObject({
  ...adamFields,
  weight_decay: atLeastZero(0.01, "Weight decay, beside the gradient."),
});

/** init_args of RMSprop: torch's. */
export const rmspropArgs = z.strictObject({
  lr: learningRate(1e-2),
  alpha: atLeastZero(0.99, "Decay of the running average of the gradient's square."),
  eps: eps(1e-8),
  weight_decay: weightDecay,
  momentum: atLeastZero(0, "Momentum."),
  centered: flag(false, "Divide by the gradient's standard deviation."),
  capturable: kept,
  foreach: implementation,
  maximize,
  differentiable: kept,
});

/** init_args of Adagrad: torch's. */
export const adagradArgs = z.strictObject({
  lr: learningRate(1e-2),
  lr_decay: atLeastZero(0, "How the learning rate falls from step to step."),
  weight_decay: weightDecay,
  initial_accumulator_value: atLeastZero(0, "What the sums of squares begin with."),
  eps: eps(1e-10),
  foreach: implementation,
  maximize,
  differentiable: kept,
  fused: implementation,
});

/** init_args of Adadelta: torch's. */
export const adadeltaArgs = z.strictObject({
  lr: learningRate(1),
  rho: z.number().min(0).max(1).default(0.9).describe("Decay of the running averages."),
  eps: eps(1e-6),
  weight_decay: weightDecay,
  foreach: implementation,
  capturable: kept,
  maximize,
  differentiable: kept,
});

/** init_args of Adamax: torch's. */
export const adamaxArgs = z.strictObject({
  lr: learningRate(2e-3),
  betas,
  eps: eps(1e-8),
  weight_decay: weightDecay,
  foreach: implementation,
  maximize,
  differentiable: kept,
  capturable: kept,
});

/** init_args of NAdam: torch's. */
export const nAdamArgs = z.strictObject({
  lr: learningRate(2e-3),
  betas,
  eps: eps(1e-8),
  weight_decay: weightDecay,
  momentum_decay: atLeastZero(4e-3, "How the momentum's weight rises."),
  decoupled_weight_decay: decoupled,
  foreach: implementation,
  maximize,
  capturable: kept,
  differentiable: kept,
});

/** init_args of RAdam: torch's. */
export const rAdamArgs = z.strictObject({
  lr: learningRate(1e-3),
  betas,
  eps: eps(1e-8),
  weight_decay: weightDecay,
  decoupled_weight_decay: decoupled,
  foreach: implementation,
  maximize,
  capturable: kept,
  differentiable: kept,
});
