import { tf, type Tensor } from "../tensor/tf.js";
import { reduceLoss, type LossOptions } from "./reduction.js";

/** Losses with a margin. */
export interface MarginOptions extends LossOptions {
  readonly margin?: number;
}

/** TripletMarginLoss's options. */
export interface TripletMarginLossOptions extends MarginOptions {
  /** The norm's exponent. */
  readonly p?: number;
  readonly eps?: number;
  /** Whether the negative may be compared with the positive where that is nearer. */
  readonly swap?: boolean;
}

/** PairwiseDistance's options. */
export interface PairwiseDistanceOptions {
  readonly p?: number;
  readonly eps?: number;
  readonly keepdim?: boolean;
}

/** `F.pairwise_distance`: the p-norm of x - y + eps over the last axis. */
export function pairwiseDistance(x: Tensor, y: Tensor, options: PairwiseDistanceOptions = {}): Tensor {
  const { p = 2, eps = 1e-6, keepdim = false } = options;
  return norm(tf.add(tf.sub(x, y), eps), p, -1, keepdim);
}

/** `F.cosine_similarity` along an axis; lengths are at least `eps`. */
export function cosineSimilarity(x: Tensor, y: Tensor, dim = 1, eps = 1e-8): Tensor {
  const length = (t: Tensor): Tensor => tf.sqrt(tf.maximum(tf.sum(tf.square(t), dim), eps * eps));
  return tf.div(tf.sum(tf.mul(x, y), dim), tf.mul(length(x), length(y)));
}

/** `F.normalize`: x divided by its p-norm along an axis, which counts as at least `eps`. */
export function normalize(x: Tensor, { p = 2, dim = 1, eps = 1e-12 }: NormalizeOptions = {}): Tensor {
  return tf.div(x, tf.maximum(norm(x, p, dim, true), eps));
}

/** Options of `normalize`. */
export interface NormalizeOptions {
  readonly p?: number;
  readonly dim?: number;
  readonly eps?: number;
}

/** `F.cosine_embedding_loss`: targets of 1 are to be alike, of -1 apart by more than the margin. */
export function cosineEmbeddingLoss(
  x: Tensor,
  y: Tensor,
  target: Tensor,
  { margin = 0, reduction }: MarginOptions = {},
): Tensor {
  const square = (t: Tensor): Tensor => tf.add(tf.sum(tf.square(t), -1), 1e-12);
  const cosine = tf.div(tf.sum(tf.mul(x, y), -1), tf.sqrt(tf.mul(square(x), square(y))));
  return reduceLoss(byTruth(target, tf.sub(1, cosine), tf.relu(tf.sub(cosine, margin))), reduction);
}

/** `F.hinge_embedding_loss`: x where the target is 1, what it lacks of the margin where it is -1. */
export function hingeEmbeddingLoss(
  input: Tensor,
  target: Tensor,
  { margin = 1, reduction }: MarginOptions = {},
): Tensor {
  return reduceLoss(byTruth(target, input, tf.relu(tf.sub(margin, input))), reduction);
}

/** `F.margin_ranking_loss`: x above y where the target is 1, below where it is -1, by the margin. */
export function marginRankingLoss(
  x: Tensor,
  y: Tensor,
  target: Tensor,
  { margin = 0, reduction }: MarginOptions = {},
): Tensor {
  return reduceLoss(tf.relu(tf.add(tf.mul(tf.neg(target), tf.sub(x, y)), margin)), reduction);
}

/** `F.triplet_margin_loss`: the positive nearer to the anchor than the negative by the margin. */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options: TripletMarginLossOptions = {},
): Tensor {
  const { margin = 1, p = 2, eps = 1e-6, swap = false, reduction } = options;
  const between = (x: Tensor, y: Tensor): Tensor => pairwiseDistance(x, y, { p, eps });
  const far = between(anchor, negative);
  const other = swap ? tf.minimum(far, between(positive, negative)) : far;
  return reduceLoss(tf.relu(tf.add(tf.sub(between(anchor, positive), other), margin)), reduction);
}

/** One loss for targets of 1, another for targets of -1. */
function byTruth(target: Tensor, same: Tensor, different: Tensor): Tensor {
  const zeros = tf.zerosLike(same);
  return tf.add(tf.where(tf.notEqual(target, -1), same, zeros), tf.where(tf.notEqual(target, 1), different, zeros));
}

function norm(x: Tensor, p: number, dim: number, keepdim: boolean): Tensor {
  if (p === 2) return tf.sqrt(tf.sum(tf.square(x), dim, keepdim));
  if (p === 1) return tf.sum(tf.abs(x), dim, keepdim);
  if (p === Infinity) return tf.max(tf.abs(x), dim, keepdim);
  return tf.pow(tf.sum(tf.pow(tf.abs(x), p), dim, keepdim), 1 / p);
}
