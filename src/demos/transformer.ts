import { GELU } from "../nn/activation.js";
import { multiHeadAttention } from "../nn/attention.js";
import { ModuleList } from "../nn/container.js";
import { Dropout } from "../nn/dropout.js";
import { Embedding } from "../nn/embedding.js";
import { LayerNorm } from "../nn/layerNorm.js";
import { Linear } from "../nn/linear.js";
import { Module, type Layer } from "../nn/module.js";
import { tf, type Tensor } from "../tensor/tf.js";

/** The measures of a GPT, by nanoGPT's names. */
export interface TransformerArgs {
  readonly vocab_size: number;
  readonly block_size: number;
  readonly n_layer: number;
  readonly n_head: number;
  readonly n_embd: number;
  readonly dropout: number;
  readonly bias: boolean;
}

/** Attention that looks back only. */
class CausalSelfAttention extends Module implements Layer {
  readonly c_attn: Linear;
  readonly c_proj: Linear;
  readonly resid_dropout: Dropout;
  readonly #heads: number;
  readonly #dropout: number;

  constructor({ n_embd: width, n_head: heads, dropout, bias }: TransformerArgs) {
    super();
    this.c_attn = new Linear(width, 3 * width, { bias });
    this.c_proj = new Linear(width, width, { bias });
    this.resid_dropout = new Dropout(dropout);
    this.#heads = heads;
    this.#dropout = dropout;
  }

  forward(x: Tensor): Tensor {
    const [q = x, k = x, v = x] = tf.split(this.c_attn.forward(x), 3, -1);
    const dropout = this.training ? this.#dropout : 0;
    const attended = multiHeadAttention(q, k, v, this.#heads, { isCausal: true, dropout });
    return this.resid_dropout.forward(this.c_proj.forward(attended));
  }
}

class MLP extends Module implements Layer {
  readonly c_fc: Linear;
  readonly gelu = new GELU();
  readonly c_proj: Linear;
  readonly dropout: Dropout;

  constructor({ n_embd: width, dropout, bias }: TransformerArgs) {
    super();
    this.c_fc = new Linear(width, 4 * width, { bias });
    this.c_proj = new Linear(4 * width, width, { bias });
    this.dropout = new Dropout(dropout);
  }

  forward(x: Tensor): Tensor {
    return this.dropout.forward(this.c_proj.forward(this.gelu.forward(this.c_fc.forward(x))));
  }
}

/** Attention and an MLP, each behind a norm and added to what came in. */
class Block extends Module implements Layer {
  readonly ln_1: LayerNorm;
  readonly attn: CausalSelfAttention;
  readonly ln_2: LayerNorm;
  readonly mlp: MLP;

  constructor(args: TransformerArgs) {
    super();
    this.ln_1 = new LayerNorm(args.n_embd, { bias: args.bias });
    this.attn = new CausalSelfAttention(args);
    this.ln_2 = new LayerNorm(args.n_embd, { bias: args.bias });
    this.mlp = new MLP(args);
  }

  forward(x: Tensor): Tensor {
    const attended = tf.add(x, this.attn.forward(this.ln_1.forward(x)));
    return tf.add(attended, this.mlp.forward(this.ln_2.forward(attended)));
  }
}

/** GPT's body: token and position embeddings, blocks, and a last norm; its parts have nanoGPT's names. */
export class Transformer extends Module implements Layer {
  readonly wte: Embedding;
  readonly wpe: Embedding;
  readonly drop: Dropout;
  readonly h: ModuleList<Block>;
  readonly ln_f: LayerNorm;

  constructor(args: TransformerArgs) {
    super();
    this.wte = new Embedding(args.vocab_size, args.n_embd);
    this.wpe = new Embedding(args.block_size, args.n_embd);
    this.drop = new Dropout(args.dropout);
    this.h = new ModuleList(Array.from({ length: args.n_layer }, () => new Block(args)));
    this.ln_f = new LayerNorm(args.n_embd, { bias: args.bias });
  }

  /** [N, length] of token numbers becomes [N, length, n_embd]. */
  forward(tokens: Tensor): Tensor {
    const positions = tf.range(0, tokens.shape[1] ?? 0, 1, "int32");
    let x = this.drop.forward(tf.add(this.wte.forward(tokens), this.wpe.forward(positions)));
    for (const block of this.h) x = block.forward(x);
    return this.ln_f.forward(x);
  }
}
