import { LtrainError } from "../errors.js";
import { float32Tensor } from "../storage/hostTensor.js";
import { tf, type Tensor } from "../tensor/tf.js";
import { hidden, multiHeadAttention, type AttentionOptions } from "./attention.js";
import { xavierUniform } from "./init.js";
import { Linear } from "./linear.js";
import { Module } from "./module.js";
import { Parameter } from "./parameter.js";
import { requireFeatures } from "./shapes.js";

/** MultiheadAttention's options. */
export interface MultiheadAttentionOptions {
  readonly dropout?: number;
  readonly bias?: boolean;
  /** Whether inputs are [N, length, width]; torch's default is [length, N, width]. */
  readonly batchFirst?: boolean;
}

/** What a MultiheadAttention is to look at. */
export interface MultiheadAttentionCall {
  /** Whether a position sees itself and those before it only. */
  readonly isCausal?: boolean;
  /**
   * [queries, keys] or [N · heads, queries, keys], added to the scores; of bool, true hides a position, which is the
   * other way round than in scaledDotProductAttention, as in torch.
   */
  readonly mask?: Tensor | null;
  /** Padding [N, keys], added to the scores or, of bool, hidden where it is true. */
  readonly keyPaddingMask?: Tensor | null;
}

/** torch.nn.MultiheadAttention for queries, keys and values of one width; it gives the output without the weights. */
export class MultiheadAttention extends Module {
  // Names of the checkpoint: they keep torch's spelling.
  readonly in_proj_weight: Parameter;
  readonly in_proj_bias: Parameter | null;
  readonly out_proj: Linear;
  readonly numHeads: number;
  readonly #dropout: number;
  readonly #batchFirst: boolean;

  constructor(embedDim: number, numHeads: number, options: MultiheadAttentionOptions = {}) {
    super();
    const { dropout = 0, bias = true, batchFirst = false } = options;
    if (embedDim % numHeads !== 0) {
      throw new LtrainError("argument.invalid", `a width of ${embedDim} cannot be divided among ${numHeads} heads`);
    }
    const zeros = (size: number): Parameter => new Parameter(float32Tensor(new Float32Array(size), [size]));
    this.out_proj = new Linear(embedDim, embedDim, { bias }); // torch draws it first
    const shape = [3 * embedDim, embedDim];
    this.in_proj_weight = new Parameter(float32Tensor(xavierUniform(shape), shape));
    this.in_proj_bias = bias ? zeros(3 * embedDim) : null;
    this.out_proj.bias?.write(float32Tensor(new Float32Array(embedDim), [embedDim]));
    this.numHeads = numHeads;
    this.#dropout = dropout;
    this.#batchFirst = batchFirst;
  }

  forward(query: Tensor, key: Tensor = query, value: Tensor = key, options: MultiheadAttentionCall = {}): Tensor {
    const turn = (x: Tensor): Tensor => (this.#batchFirst ? x : tf.transpose(x, [1, 0, 2]));
    const [q, k, v] = this.#project(turn(query), key === query ? null : turn(key), value === key ? null : turn(value));
    const attended = multiHeadAttention(q, k, v, this.numHeads, {
      ...this.#visibility(options),
      dropout: this.training ? this.#dropout : 0,
    });
    return turn(this.out_proj.forward(attended));
  }

  /** The masks as one that is added to scores of [N, heads, queries, keys]. */
  #visibility({ isCausal = false, mask = null, keyPaddingMask = null }: MultiheadAttentionCall): AttentionOptions {
    const added = (given: Tensor): Tensor => (given.dtype === "bool" ? hidden(given) : given);
    const parts: Tensor[] = [];
    if (mask !== null) {
      const [rows = 0, ...rest] = mask.shape;
      parts.push(
        mask.rank === 3 ? tf.reshape(added(mask), [rows / this.numHeads, this.numHeads, ...rest]) : added(mask),
      );
    }
    if (keyPaddingMask !== null) {
      const [batch = 0, keys = 0] = keyPaddingMask.shape;
      parts.push(tf.reshape(added(keyPaddingMask), [batch, 1, 1, keys]));
    }
    const [first = null, second] = parts;
    return { isCausal, mask: first !== null && second !== undefined ? tf.add(first, second) : first };
  }

  /** Queries, keys and values; null for a key that is the query and a value that is the key: one product then does. */
  #project(query: Tensor, key: Tensor | null, value: Tensor | null): [Tensor, Tensor, Tensor] {
    const width = query.shape.at(-1) ?? 0;
    if (key === null && value === null) {
      const [q = query, k = query, v = query] = tf.split(this.#linear(query, 0, 3), 3, -1);
      return [q, k, v];
    }
    const keys = key ?? query;
    const of = (x: Tensor, part: number): Tensor => this.#linear(x, part * width, 1);
    return [of(query, 0), of(keys, 1), of(value ?? keys, 2)];
  }

  /** x times some of the three blocks of the projection, from row `first` on. */
  #linear(x: Tensor, first: number, blocks: number): Tensor {
    const [, width = 0] = this.in_proj_weight.shape;
    requireFeatures(x, width, this.constructor.name);
    const rows = blocks * width;
    const weight = tf.slice(this.in_proj_weight.value, [first, 0], [rows, width]);
    const flat = tf.matMul(tf.reshape(x, [-1, width]), weight, false, true);
    const bias = this.in_proj_bias;
    const sum = bias === null ? flat : tf.add(flat, tf.slice(bias.value, [first], [rows]));
    return tf.reshape(sum, [...x.shape.slice(0, -1), rows]);
  }
}
