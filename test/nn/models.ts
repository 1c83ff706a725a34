import {
  BatchNorm2d,
  Conv2d,
  Embedding,
  Flatten,
  functional as F,
  LayerNorm,
  Linear,
  MaxPool2d,
  Module,
  ModuleList,
  ReLU,
  Sequential,
} from "../../src/nn/index.js";
import { tf, type Tensor } from "../../src/tensor/tf.js";

/** The model of trained/cnn-sgd: its names are in the checkpoint, the first loss says the rest. */
export class Cnn extends Module {
  readonly net = new Sequential(
    new Conv2d(1, 4, 3, { padding: 1 }),
    new BatchNorm2d(4),
    new ReLU(),
    new MaxPool2d(2),
    new Conv2d(4, 6, 3, { bias: false }),
    new BatchNorm2d(6),
    new ReLU(),
    new Flatten(),
    new Linear(24, 3),
  );

  loss(x: Tensor, y: Tensor): Tensor {
    return F.crossEntropy(this.net.forward(x), y);
  }
}

class Block extends Module {
  readonly ln1 = new LayerNorm(16);
  readonly ln2 = new LayerNorm(16);
  readonly qkv = new Linear(16, 48);
  readonly proj = new Linear(16, 16);
  readonly fc = new Linear(16, 64);
  readonly out = new Linear(64, 16);

  forward(x: Tensor): Tensor {
    const [q = x, k = x, v = x] = tf.split(this.qkv.forward(this.ln1.forward(x)), 3, -1);
    const y = tf.add(x, this.proj.forward(F.multiHeadAttention(q, k, v, 2, { isCausal: true })));
    return tf.add(y, this.out.forward(F.gelu(this.fc.forward(this.ln2.forward(y)))));
  }
}

/** The model of trained/gpt-adam: two heads and a tied head, as the first loss says. */
export class Gpt extends Module {
  readonly wte = new Embedding(16, 16);
  readonly wpe = new Embedding(8, 16);
  readonly blocks = new ModuleList([new Block(), new Block()]);
  readonly ln_f = new LayerNorm(16);
  readonly head = new Linear(16, 16, { bias: false });

  constructor() {
    super();
    this.head.weight = this.wte.weight;
  }

  loss(tokens: Tensor): Tensor {
    const [n = 0, length = 0] = tokens.shape;
    let x: Tensor = tf.add(
      this.wte.forward(tf.slice(tokens, [0, 0], [n, length - 1])),
      this.wpe.forward(tf.range(0, length - 1, 1, "int32")),
    );
    for (const block of this.blocks) x = block.forward(x);
    const logits = this.head.forward(this.ln_f.forward(x));
    const targets = tf.reshape(tf.slice(tokens, [0, 1], [n, length - 1]), [-1]);
    return F.crossEntropy(tf.reshape(logits, [-1, 16]), targets);
  }
}
