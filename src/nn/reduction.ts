import { LtrainError } from "../errors.js";
import { tf, type Tensor } from "../tensor/tf.js";

/** How a loss brings its elements to one number. */
export type Reduction = "mean" | "sum" | "none";

/** What losses have in common. */
export interface LossOptions {
  readonly reduction?: Reduction;
}

/** The losses of single elements as one number, or as they are. */
export function reduceLoss(losses: Tensor, reduction: Reduction = "mean"): Tensor {
  switch (reduction) {
    case "mean":
      return tf.mean(losses);
    case "sum":
      return tf.sum(losses);
    case "none":
      return losses;
    default:
      reduction satisfies never;
      throw new LtrainError(
        "argument.invalid",
        `a loss's reduction is mean, sum or none, got ${JSON.stringify(reduction)}`,
      );
  }
}
