import { LtrainError } from "../errors.js";
import { tf, type Tensor } from "../tensor/tf.js";
import { dropout } from "./dropout.js";

/** How attention weighs. */
export interface AttentionOptions {
  /** Whether a position sees itself and those before it only. */
  readonly isCausal?: boolean;
  /** Added to the scores before the softmax, -Infinity hides a position; of bool, true lets it be seen. */
  readonly mask?: Tensor | null;
  /** What the scores are multiplied by; 1/√width when it is not given. */
  readonly scale?: number;
  /** Probability of dropping a weight; for training only. */
  readonly dropout?: number;
}

/** `F.scaled_dot_product_attention`: softmax(q·kᵀ·scale + mask)·v over [..., length, width]. */
export function scaledDotProductAttention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor {
  const { isCausal = false, mask = null, scale = 1 / Math.sqrt(q.shape.at(-1) ?? 1), dropout: p = 0 } = options;
  const scores = tf.matMul(tf.mul(q, scale), k, false, true);
  const masked = mask === null ? scores : tf.add(scores, mask.dtype === "bool" ? hidden(tf.logicalNot(mask)) : mask);
  const visible = isCausal ? tf.add(masked, causalMask(q.shape.at(-2) ?? 0, k.shape.at(-2) ?? 0)) : masked;
  return tf.matMul(dropout(tf.softmax(visible), p, p > 0), v);
}

/** Attention of several heads over [N, length, embedding]: every head has its own share of the width. */
export function multiHeadAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  numHeads: number,
  options: AttentionOptions = {},
): Tensor {
  const [batch = 0, length = 0, width = 0] = q.shape;
  if (width % numHeads !== 0) {
    throw new LtrainError("argument.invalid", `a width of ${width} cannot be divided among ${numHeads} heads`);
  }
  const heads = scaledDotProductAttention(split(q, numHeads), split(k, numHeads), split(v, numHeads), options);
  return tf.reshape(tf.transpose(heads, [0, 2, 1, 3]), [batch, length, width]);
}

/** [N, length, width] as [N, heads, length, width / heads]. */
function split(x: Tensor, numHeads: number): Tensor {
  const [batch = 0, length = 0, width = 0] = x.shape;
  return tf.transpose(tf.reshape(x, [batch, length, numHeads, width / numHeads]), [0, 2, 1, 3]);
}

/** -Infinity where a truth holds, else 0. */
export function hidden(truth: Tensor): Tensor {
  return tf.where(truth, tf.fill(truth.shape, -Infinity), tf.zeros(truth.shape));
}

/** 0 where a key is not after the query, else -Infinity. */
function causalMask(queries: number, keys: number): Tensor {
  const values = Float32Array.from({ length: queries * keys }, (_, i) =>
    i % keys > Math.floor(i / keys) ? -Infinity : 0,
  );
  return tf.tensor(values, [queries, keys]);
}
