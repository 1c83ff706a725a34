import { LtrainError } from "../errors.js";
import { tf, type Tensor } from "../tensor/tf.js";
import { reduceLoss, type LossOptions, type Reduction } from "./reduction.js";
import { logSoftmax } from "./softmax.js";

/** NLLLoss's options. */
export interface NLLLossOptions extends LossOptions {
  /** How much each class counts: [classes]. */
  readonly weight?: Tensor | null;
  /** A target that does not count. */
  readonly ignoreIndex?: number;
}

/** CrossEntropyLoss's options. */
export interface CrossEntropyLossOptions extends NLLLossOptions {
  /** The share of each target that is spread over all classes. */
  readonly labelSmoothing?: number;
}

/** BCELoss's options. */
export interface BCELossOptions extends LossOptions {
  /** How much each element counts; broadcast over them. */
  readonly weight?: Tensor | null;
}

/** BCEWithLogitsLoss's options. */
export interface BCEWithLogitsLossOptions extends BCELossOptions {
  /** How much positive examples count, for each class. */
  readonly posWeight?: Tensor | null;
}

/** KLDivLoss's options. */
export interface KLDivLossOptions {
  /** "batchmean": the sum divided by the size of the batch, which is the divergence by its definition. */
  readonly reduction?: Reduction | "batchmean";
  /** Whether targets are logarithms too. */
  readonly logTarget?: boolean;
}

/** torch's default: no class has this number. */
const NO_CLASS = -100;

/**
 * `F.nll_loss` for log-probabilities [N, C], [N, C, …] or [C] and integer targets [N], [N, …] or []. A target that is no
 * class and not `ignoreIndex` makes the loss NaN, where torch stops.
 */
export function nllLoss(logProbabilities: Tensor, target: Tensor, options: NLLLossOptions = {}): Tensor {
  return reduceClasses(classRows(logProbabilities), target, options, 0);
}

/**
 * `F.cross_entropy` for logits [N, C], [N, C, …] or [C] and targets that are integers ([N], [N, …] or []) or, in the
 * logits' own shape, probabilities.
 */
export function crossEntropy(logits: Tensor, target: Tensor, options: CrossEntropyLossOptions = {}): Tensor {
  const { labelSmoothing = 0 } = options;
  const rows = classRows(logits);
  const isMixture = target.rank === logits.rank && target.shape.every((size, axis) => size === logits.shape[axis]);
  if (isMixture) return mixtureLoss(logSoftmax(rows), classRows(target), logits.shape, options);
  const isPlain = labelSmoothing === 0 && (options.weight ?? null) === null;
  return isPlain
    ? reduceClasses(rows, target, options, 0, selectedLogSoftmax)
    : reduceClasses(logSoftmax(rows), target, options, labelSmoothing);
}

/** `F.binary_cross_entropy` of probabilities; a logarithm is never below -100. */
export function binaryCrossEntropy(
  input: Tensor,
  target: Tensor,
  { weight = null, reduction }: BCELossOptions = {},
): Tensor {
  const logarithm = (x: Tensor): Tensor => tf.maximum(tf.log(x), -100);
  const run = tf.customGrad((x, y, save) => {
    const [probability, truth] = [x as Tensor, y as Tensor];
    const [yes, no] = [logarithm(probability), logarithm(tf.sub(1, probability))];
    const value = tf.neg(tf.add(tf.mul(truth, yes), tf.mul(tf.sub(1, truth), no)));
    (save as tf.GradSaveFunc)([probability, truth, yes, no]);
    const gradFunc = (dy: Tensor, [p = probability, t = truth, logYes = yes, logNo = no]: Tensor[]): Tensor[] => {
      const slope = tf.maximum(tf.mul(tf.sub(1, p), p), 1e-12);
      return [tf.div(tf.mul(dy, tf.sub(p, t)), slope), tf.mul(dy, tf.sub(logNo, logYes))];
    };
    return { value, gradFunc };
  });
  const losses = run(input, target);
  return reduceLoss(weight === null ? losses : tf.mul(losses, weight), reduction);
}

/** `F.binary_cross_entropy_with_logits`: sigmoid and loss in one, which no logit makes infinite. */
export function binaryCrossEntropyWithLogits(
  logits: Tensor,
  target: Tensor,
  { weight = null, posWeight = null, reduction }: BCEWithLogitsLossOptions = {},
): Tensor {
  const soft = tf.softplus(tf.neg(logits));
  const weighed = posWeight === null ? soft : tf.mul(soft, tf.add(tf.mul(tf.sub(posWeight, 1), target), 1));
  const losses = tf.add(tf.mul(tf.sub(1, target), logits), weighed);
  return reduceLoss(weight === null ? losses : tf.mul(losses, weight), reduction);
}

/** `F.kl_div`: how far log-probabilities are from the target distribution. */
export function klDiv(
  input: Tensor,
  target: Tensor,
  { reduction = "mean", logTarget = false }: KLDivLossOptions = {},
): Tensor {
  const losses = logTarget
    ? tf.mul(tf.exp(target), tf.sub(target, input))
    : tf.sub(entropyTerm(target), tf.mul(target, input));
  if (reduction !== "batchmean") return reduceLoss(losses, reduction);
  const [batch = 1] = input.shape;
  return tf.div(tf.sum(losses), batch);
}

/** `F.soft_margin_loss` for targets of 1 and -1. */
export function softMarginLoss(input: Tensor, target: Tensor, { reduction }: LossOptions = {}): Tensor {
  return reduceLoss(tf.softplus(tf.neg(tf.mul(target, input))), reduction);
}

/** y·log y, which is 0 at 0. */
function entropyTerm(y: Tensor): Tensor {
  const isPositive = tf.greater(y, 0);
  return tf.mul(y, tf.log(tf.where(isPositive, y, tf.onesLike(y))));
}

/** [N, C, …] as rows of classes. */
function classRows(x: Tensor): Tensor {
  const [first = 0, second = first] = x.shape;
  const classes = x.rank === 1 ? first : second;
  if (x.rank <= 2) return tf.reshape(x, [-1, classes]);
  const order = [0, ...x.shape.slice(2).map((_, i) => i + 2), 1];
  return tf.reshape(tf.transpose(x, order), [-1, classes]);
}

/**
 * One element of each row. It is selected, not multiplied out of the row: the logarithm of an impossible class times
 * zero would be NaN.
 */
function selected(rows: Tensor, chosen: Tensor): Tensor {
  return tf.sum(tf.where(chosen, rows, tf.zeros(rows.shape)), 1);
}

/** One element of each row's log-softmax, with the gradient written down: the tape's own takes half as much again. */
function selectedLogSoftmax(rows: Tensor, chosen: Tensor): Tensor {
  const run = tf.customGrad((x, save) => {
    const logarithms = logSoftmax(x as Tensor);
    (save as tf.GradSaveFunc)([logarithms, chosen]);
    const gradFunc = (dy: Tensor, [kept = logarithms, hot = chosen]: Tensor[]): Tensor =>
      tf.mul(tf.sub(tf.cast(hot, "float32"), tf.exp(kept)), tf.expandDims(dy, 1));
    return { value: selected(logarithms, chosen), gradFunc };
  });
  return run(rows);
}

/** Rows of log-probabilities by integer targets; a share of each may be spread over all classes. */
function reduceClasses(
  rows: Tensor,
  target: Tensor,
  options: NLLLossOptions,
  smoothing: number,
  pick: (rows: Tensor, chosen: Tensor) => Tensor = selected,
): Tensor {
  const { weight = null, ignoreIndex = NO_CLASS, reduction = "mean" } = options;
  const [count = 0, classes = 0] = rows.shape;
  if (target.size !== count) {
    throw new LtrainError(
      "argument.invalid",
      `a loss over ${count} rows of ${classes} classes takes as many targets, got [${target.shape.join(", ")}]`,
    );
  }
  const labels = tf.reshape(tf.cast(target, "int32"), [count]);
  const counts = tf.notEqual(labels, tf.scalar(ignoreIndex, "int32"));
  const chosen = tf.equal(tf.expandDims(labels, 1), tf.range(0, classes, 1, "int32"));
  const weighed = weight === null ? rows : tf.mul(rows, weight);
  const isOutside = tf.logicalOr(tf.less(labels, 0), tf.greaterEqual(labels, tf.scalar(classes, "int32")));
  const known = tf.where(isOutside, tf.fill([count], NaN), tf.neg(pick(weighed, chosen)));
  const counted = (losses: Tensor): Tensor => tf.where(counts, losses, tf.zeros([count]));
  const shares =
    weight === null ? tf.cast(counts, "float32") : counted(selected(tf.mul(tf.ones(rows.shape), weight), chosen));
  const sharp = combine(counted(known), shares, target.shape, reduction);
  if (smoothing === 0) return sharp;
  const all = tf.neg(tf.sum(weighed, 1));
  const smooth = combine(counted(all), shares, target.shape, reduction);
  return tf.add(tf.mul(sharp, 1 - smoothing), tf.mul(smooth, smoothing / classes));
}

/** A mean is by the weights of what counts. */
function combine(losses: Tensor, shares: Tensor, shape: readonly number[], reduction: Reduction): Tensor {
  if (reduction === "mean") return tf.div(tf.sum(losses), tf.sum(shares));
  return reduction === "none" ? tf.reshape(losses, [...shape]) : reduceLoss(losses, reduction);
}

/** Rows of log-probabilities by rows of probabilities; the mean is by the number of rows, whatever the weights. */
function mixtureLoss(rows: Tensor, target: Tensor, shape: readonly number[], options: CrossEntropyLossOptions): Tensor {
  const { weight = null, labelSmoothing = 0, reduction = "mean" } = options;
  const classes = rows.shape[1] ?? 1;
  const smooth = labelSmoothing === 0 ? target : tf.add(tf.mul(target, 1 - labelSmoothing), labelSmoothing / classes);
  const weighed = weight === null ? rows : tf.mul(rows, weight);
  const losses = tf.neg(tf.sum(tf.mul(smooth, weighed), 1));
  const outer = shape.length === 1 ? [] : [shape[0] ?? 1, ...shape.slice(2)];
  return reduction === "none" ? tf.reshape(losses, outer) : reduceLoss(losses, reduction);
}
