import { LtrainError } from "../errors.js";
import { float32Tensor } from "../storage/hostTensor.js";
import { defaultGenerator, normal_ } from "../tensor/generator.js";
import { tf, type Tensor } from "../tensor/tf.js";
import { Module, type Layer } from "./module.js";
import { Parameter } from "./parameter.js";

/** Embedding's options. */
export interface EmbeddingOptions {
  /** A row that begins as zeros and is never changed; negative ones count from the end. */
  readonly paddingIdx?: number | null;
}

/** `F.embedding`: the rows of `weight` at integer `indices`; a padding row gets no gradient. */
export function embedding(indices: Tensor, weight: Tensor, paddingIdx: number | null = null): Tensor {
  const rows = tf.cast(indices, "int32");
  const frozen = paddingIdx === null ? weight : withoutRow(weight, paddingIdx);
  return tf.gather(frozen, rows);
}

/** torch.nn.Embedding: a learned row for every number from 0. */
export class Embedding extends Module implements Layer {
  /** May be set to another layer's, which ties the two. */
  weight: Parameter;
  readonly #paddingIdx: number | null;

  constructor(numEmbeddings: number, embeddingDim: number, { paddingIdx = null }: EmbeddingOptions = {}) {
    super();
    const padding = paddingIdx !== null && paddingIdx < 0 ? paddingIdx + numEmbeddings : paddingIdx;
    if (padding !== null && !(Number.isInteger(padding) && padding >= 0 && padding < numEmbeddings)) {
      throw new LtrainError(
        "argument.invalid",
        `Embedding's paddingIdx ${String(paddingIdx)} is not one of its ${numEmbeddings} rows`,
      );
    }
    const values = normal_(defaultGenerator, numEmbeddings * embeddingDim);
    if (padding !== null) values.fill(0, padding * embeddingDim, (padding + 1) * embeddingDim);
    this.weight = new Parameter(float32Tensor(values, [numEmbeddings, embeddingDim]));
    this.#paddingIdx = padding;
  }

  forward(indices: Tensor): Tensor {
    return embedding(indices, this.weight.value, this.#paddingIdx);
  }
}

/** The same matrix, whose gradient leaves one row out. */
function withoutRow(weight: Tensor, row: number): Tensor {
  const [rows = 0] = weight.shape;
  const run = tf.customGrad((w) => ({
    value: tf.clone(w as Tensor),
    gradFunc: (dy: Tensor) => {
      const others = tf.sub(1, tf.oneHot(tf.scalar(row, "int32"), rows, 1, 0, "float32"));
      return tf.mul(dy, tf.reshape(others, [rows, 1]));
    },
  }));
  return run(weight);
}
