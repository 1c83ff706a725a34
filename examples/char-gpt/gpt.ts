import { Callback, LightningModule, tf, type Tensor, type TrainerState } from "ltrain";
import { Embedding, functional as F, Linear, Module, ModuleList, RMSNorm, type Layer } from "ltrain/nn";
import { AdamW, CosineAnnealingLR, LinearLR, SequentialLR } from "ltrain/optim";
import { z } from "zod";

/** Attention that looks back only, its queries and keys turned by their place in the text (RoPE): it needs no positions. */
class RotaryAttention extends Module implements Layer {
  qkv: Linear;
  out: Linear;
  heads: number;

  constructor(width: number, heads: number) {
    super();
    this.qkv = new Linear(width, 3 * width, { bias: false });
    this.out = new Linear(width, width, { bias: false });
    this.heads = heads;
  }

  forward(x: Tensor): Tensor {
    const [batch = 0, length = 0, width = 0] = x.shape;
    const split = tf.reshape(this.qkv.forward(x), [batch, length, 3, this.heads, width / this.heads]);
    const [q, k, v] = tf.unstack(tf.transpose(split, [2, 0, 3, 1, 4])) as [Tensor, Tensor, Tensor];
    const attended = F.scaledDotProductAttention(turn(q), turn(k), v, { isCausal: true });
    return this.out.forward(tf.reshape(tf.transpose(attended, [0, 2, 1, 3]), [batch, length, width]));
  }
}

/** Every pair of features [.., length, width] turned by an angle that grows with the position. */
function turn(x: Tensor): Tensor {
  const [length = 0, width = 0] = x.shape.slice(-2);
  const half = width / 2;
  const angle = (i: number): number => Math.floor(i / half) / 10_000 ** ((i % half) / half);
  const table = (f: (angle: number) => number): Tensor =>
    tf.tensor(
      Float32Array.from({ length: length * half }, (_, i) => f(angle(i))),
      [length, half],
    );
  const [cos, sin] = [table(Math.cos), table(Math.sin)];
  const [a, b] = tf.split(x, 2, -1) as [Tensor, Tensor];
  return tf.concat([tf.sub(tf.mul(a, cos), tf.mul(b, sin)), tf.add(tf.mul(a, sin), tf.mul(b, cos))], -1);
}

/** The MLP of Llama: one half decides how much of the other passes. */
class SwiGLU extends Module implements Layer {
  gate: Linear;
  up: Linear;
  down: Linear;

  constructor(width: number, hidden: number) {
    super();
    this.gate = new Linear(width, hidden, { bias: false });
    this.up = new Linear(width, hidden, { bias: false });
    this.down = new Linear(hidden, width, { bias: false });
  }

  forward(x: Tensor): Tensor {
    return this.down.forward(tf.mul(F.silu(this.gate.forward(x)), this.up.forward(x)));
  }
}

class Block extends Module implements Layer {
  norm1: RMSNorm;
  attention: RotaryAttention;
  norm2: RMSNorm;
  mlp: SwiGLU;

  constructor(width: number, heads: number) {
    super();
    this.norm1 = new RMSNorm(width);
    this.attention = new RotaryAttention(width, heads);
    this.norm2 = new RMSNorm(width);
    this.mlp = new SwiGLU(width, 2 * width);
  }

  forward(x: Tensor): Tensor {
    const seen = tf.add(x, this.attention.forward(this.norm1.forward(x)));
    return tf.add(seen, this.mlp.forward(this.norm2.forward(seen)));
  }
}

/** Characters as numbers [N, length], and those that follow. */
type Batch = readonly [tokens: Tensor, following: Tensor];

/** How often the likeliest character is the right one. */
function accuracy(logits: Tensor, following: Tensor): Tensor {
  return tf.mean(tf.cast(tf.equal(tf.argMax(logits, -1), tf.cast(following, "int32")), "float32"));
}

/** A small language model in the manner of Llama, over the characters of a text. */
export class CharGPT extends LightningModule<Batch> {
  static initArgs = z.object({
    vocab_size: z.int().min(1).default(96).describe("How many different characters there may be."),
    width: z.int().min(2).default(64).describe("Features of a character."),
    layers: z.int().min(1).default(3).describe("Blocks of attention and MLP."),
    heads: z.int().min(1).default(4).describe("Heads of the attention; width / heads is even."),
    lr: z.number().positive().default(0.003).describe("The highest learning rate."),
    warmup: z.int().min(1).default(50).describe("Steps until it is reached."),
    steps: z.int().min(2).default(954).describe("Steps until it is zero again."),
  });

  embedding: Embedding;
  blocks: ModuleList<Block>;
  norm: RMSNorm;
  head: Linear;
  args: z.infer<typeof CharGPT.initArgs>;

  constructor(args: z.infer<typeof CharGPT.initArgs>) {
    super();
    this.saveHyperparameters(args);
    this.args = args;
    const { vocab_size: characters, width, layers, heads } = args;
    this.embedding = new Embedding(characters, width);
    this.blocks = new ModuleList(Array.from({ length: layers }, () => new Block(width, heads)));
    this.norm = new RMSNorm(width);
    this.head = new Linear(width, characters, { bias: false });
  }

  /** Logits [N, length, vocab_size]. */
  forward(tokens: Tensor): Tensor {
    let x = this.embedding.forward(tokens);
    for (const block of this.blocks) x = block.forward(x);
    return this.head.forward(this.norm.forward(x));
  }

  override trainingStep([tokens, following]: Batch): Tensor {
    const loss = this.loss(this.forward(tokens), following);
    this.log("train_loss", loss, { progBar: true });
    return loss;
  }

  override validationStep([tokens, following]: Batch): void {
    const logits = this.forward(tokens);
    this.log("val_loss", this.loss(logits, following), { progBar: true });
    this.log("val_acc", accuracy(logits, following));
  }

  override configureOptimizers(): ReturnType<LightningModule["configureOptimizers"]> {
    const { lr, warmup, steps } = this.args;
    const optimizer = new AdamW(this.parameters(), { lr, betas: [0.9, 0.95], weightDecay: 0.1 });
    const schedulers = [
      new LinearLR(optimizer, { startFactor: 0.05, totalIters: warmup }),
      new CosineAnnealingLR(optimizer, { tMax: steps - warmup }),
    ];
    const scheduler = new SequentialLR(optimizer, { schedulers, milestones: [warmup] });
    return { optimizer, lrScheduler: { scheduler, interval: "step" } };
  }

  private loss(logits: Tensor, following: Tensor): Tensor {
    return F.crossEntropy(F.flatten(logits, 0, 1), F.flatten(following));
  }
}

/** Perplexity, which is no mean over batches: e to the mean loss. Others can watch it: monitor: val_perplexity. */
export class Perplexity extends Callback {
  override onValidationEnd(trainer: TrainerState): void {
    const loss = trainer.callbackMetrics.get("val_loss");
    if (loss !== undefined) trainer.showMetrics(new Map([["val_perplexity", Math.exp(loss)]]));
  }
}
