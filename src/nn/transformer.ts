import { LtrainError } from "../errors.js";
import { defaultGenerator } from "../tensor/generator.js";
import { tf, type Tensor } from "../tensor/tf.js";
import { ModuleList } from "./container.js";
import { Dropout } from "./dropout.js";
import { LayerNorm } from "./layerNorm.js";
import { Linear } from "./linear.js";
import { Module, type Layer } from "./module.js";
import { MultiheadAttention, type MultiheadAttentionCall } from "./multiheadAttention.js";
import { relu } from "./rectify.js";
import { gelu } from "./squash.js";

/** TransformerEncoderLayer's options. */
export interface TransformerEncoderLayerOptions {
  readonly dimFeedforward?: number;
  readonly dropout?: number;
  readonly activation?: "relu" | "gelu" | ((x: Tensor) => Tensor);
  readonly layerNormEps?: number;
  /** Whether inputs are [N, length, width]; torch's default is [length, N, width]. */
  readonly batchFirst?: boolean;
  /** Whether the norms come before attention and feed-forward, not after the sums. */
  readonly normFirst?: boolean;
  readonly bias?: boolean;
}

/** torch.nn.TransformerEncoderLayer: self-attention and a feed-forward network, each with a residual and a norm. */
export class TransformerEncoderLayer extends Module implements Layer {
  // Names of the checkpoint: they keep torch's spelling.
  readonly self_attn: MultiheadAttention;
  readonly linear1: Linear;
  readonly dropout: Dropout;
  readonly linear2: Linear;
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;
  readonly dropout1: Dropout;
  readonly dropout2: Dropout;
  readonly normFirst: boolean;
  readonly #activation: (x: Tensor) => Tensor;
  readonly #again: () => TransformerEncoderLayer;

  constructor(dModel: number, nhead: number, options: TransformerEncoderLayerOptions = {}) {
    super();
    const { dimFeedforward = 2048, dropout = 0.1, activation = "relu", layerNormEps = 1e-5 } = options;
    const { batchFirst = false, bias = true } = options;
    const norm = { eps: layerNormEps, bias };
    this.self_attn = new MultiheadAttention(dModel, nhead, { dropout, bias, batchFirst });
    this.linear1 = new Linear(dModel, dimFeedforward, { bias });
    this.dropout = new Dropout(dropout);
    this.linear2 = new Linear(dimFeedforward, dModel, { bias });
    this.norm1 = new LayerNorm(dModel, norm);
    this.norm2 = new LayerNorm(dModel, norm);
    this.dropout1 = new Dropout(dropout);
    this.dropout2 = new Dropout(dropout);
    this.normFirst = options.normFirst ?? false;
    this.#activation = typeof activation === "function" ? activation : activation === "relu" ? relu : gelu;
    this.#again = () => new TransformerEncoderLayer(dModel, nhead, options);
  }

  forward(x: Tensor, call: MultiheadAttentionCall = {}): Tensor {
    if (this.normFirst) {
      const seen = tf.add(x, this.#attend(this.norm1.forward(x), call));
      return tf.add(seen, this.#feed(this.norm2.forward(seen)));
    }
    const seen = this.norm1.forward(tf.add(x, this.#attend(x, call)));
    return this.norm2.forward(tf.add(seen, this.#feed(seen)));
  }

  /** A layer like this one with parameters of its own and the same values; no random number is drawn. */
  copy(): TransformerEncoderLayer {
    const before = defaultGenerator.getState();
    const copy = this.#again();
    defaultGenerator.setState(before);
    const state = this.state();
    for (const [name, variable] of copy.state()) {
      const value = state.get(name)?.untouched;
      if (value === undefined) {
        throw new LtrainError("argument.invalid", `the layer has been used: its ${name} can no longer be copied`, {
          hint: "give a TransformerEncoder a layer that is new",
        });
      }
      variable.write(value);
    }
    return copy;
  }

  #attend(x: Tensor, call: MultiheadAttentionCall): Tensor {
    return this.dropout1.forward(this.self_attn.forward(x, x, x, call));
  }

  #feed(x: Tensor): Tensor {
    const inner = this.dropout.forward(this.#activation(this.linear1.forward(x)));
    return this.dropout2.forward(this.linear2.forward(inner));
  }
}

/** torch.nn.TransformerEncoder: copies of one layer, which begin alike, and perhaps a norm behind them. */
export class TransformerEncoder extends Module implements Layer {
  readonly layers: ModuleList<TransformerEncoderLayer>;
  readonly norm: (Module & Layer) | null;

  constructor(
    encoderLayer: TransformerEncoderLayer,
    numLayers: number,
    { norm = null }: { readonly norm?: (Module & Layer) | null } = {},
  ) {
    super();
    this.layers = new ModuleList(Array.from({ length: numLayers }, () => encoderLayer.copy()));
    this.norm = norm;
  }

  forward(x: Tensor, call: MultiheadAttentionCall = {}): Tensor {
    let y = x;
    for (const layer of this.layers) y = layer.forward(y, call);
    return this.norm === null ? y : this.norm.forward(y);
  }
}
