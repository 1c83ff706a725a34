import { LtrainError } from "../errors.js";
import { float32Tensor } from "../storage/hostTensor.js";
import { defaultGenerator, uniform_ } from "../tensor/generator.js";
import { tf, type Tensor } from "../tensor/tf.js";
import { dropout } from "./dropout.js";
import { Module } from "./module.js";
import { Parameter } from "./parameter.js";
import { GATES, runCell, type CellKind, type CellState, type CellWeights } from "./recurrent.js";

/** Options of LSTM and GRU. */
export interface RecurrentOptions {
  readonly numLayers?: number;
  readonly bias?: boolean;
  /** Whether inputs and outputs are [N, length, width]; torch's default is [length, N, width]. */
  readonly batchFirst?: boolean;
  /** Probability of dropping an output between layers. */
  readonly dropout?: number;
  readonly bidirectional?: boolean;
}

/** RNN's options. */
export interface RNNOptions extends RecurrentOptions {
  readonly nonlinearity?: "tanh" | "relu";
}

/** What the recurrent layers have in common: torch's packed names, weight_ih_l0 and so on, and its draws. */
abstract class Recurrent extends Module {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly bidirectional: boolean;
  readonly batchFirst: boolean;
  readonly dropout: number;
  readonly #kind: CellKind;
  readonly #weights = new Map<string, Parameter>();

  constructor(kind: CellKind, inputSize: number, hiddenSize: number, options: RecurrentOptions) {
    super();
    const { numLayers = 1, bias = true, batchFirst = false, bidirectional = false } = options;
    for (const [name, size] of Object.entries({ inputSize, hiddenSize, numLayers })) {
      if (Number.isInteger(size) && size > 0) continue;
      throw new LtrainError(
        "argument.invalid",
        `${this.constructor.name}'s ${name} is a whole number from 1, got ${size}`,
      );
    }
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.numLayers = numLayers;
    this.bidirectional = bidirectional;
    this.batchFirst = batchFirst;
    this.dropout = options.dropout ?? 0;
    this.#kind = kind;
    const rows = GATES[kind] * hiddenSize;
    const bound = 1 / Math.sqrt(hiddenSize);
    const draw = (name: string, shape: readonly number[]): void => {
      const size = shape.reduce((product, length) => product * length, 1);
      const values = uniform_(defaultGenerator, size, -bound, bound);
      this.#weights.set(name, new Parameter(float32Tensor(values, shape)));
    };
    for (let layer = 0; layer < numLayers; layer += 1) {
      for (const end of this.#directions()) {
        const width = layer === 0 ? inputSize : hiddenSize * this.#directions().length;
        draw(`weight_ih_l${layer}${end}`, [rows, width]);
        draw(`weight_hh_l${layer}${end}`, [rows, hiddenSize]);
        if (!bias) continue;
        draw(`bias_ih_l${layer}${end}`, [rows]);
        draw(`bias_hh_l${layer}${end}`, [rows]);
      }
    }
  }

  protected override members(): Iterable<readonly [string, unknown]> {
    return this.#weights;
  }

  /** Outputs of the last layer, and every layer's state after its last step, [layers · directions, N, hidden] each. */
  protected run(input: Tensor, initial: readonly Tensor[]): { readonly output: Tensor; readonly states: Tensor[] } {
    const isBatch = input.rank === 3;
    const turn = (x: Tensor): Tensor => (this.batchFirst && isBatch ? tf.transpose(x, [1, 0, 2]) : x);
    if ((!isBatch && input.rank !== 2) || input.shape.at(-1) !== this.inputSize) {
      const axes = this.batchFirst ? "N, length" : "length, N";
      throw new LtrainError(
        "argument.invalid",
        `${this.constructor.name} takes [${axes}, ${this.inputSize}] or [length, ${this.inputSize}], got ` +
          `[${input.shape.join(", ")}]`,
      );
    }
    let x = isBatch ? turn(input) : tf.expandDims(input, 1);
    const begin = this.#initialStates(initial, x.shape[1] ?? 1);
    const ends: CellState[] = [];
    for (let layer = 0; layer < this.numLayers; layer += 1) {
      if (layer > 0) x = dropout(x, this.dropout, this.training);
      const input = x;
      const runs = this.#directions().map((end, direction) => {
        const state = begin[ends.length + direction] ?? begin[0];
        if (state === undefined) throw new Error("a layer without a state");
        return runCell(this.#kind, input, state, this.#cell(layer, end), direction === 1);
      });
      x = runs.length === 1 ? (runs[0]?.outputs ?? x) : tf.concat(runs.map(({ outputs }) => outputs), 2); // prettier-ignore
      ends.push(...runs.map(({ state }) => state));
    }
    const parts = ends[0]?.length ?? 1;
    const states = Array.from({ length: parts }, (_, part) => tf.stack(ends.map((state) => state[part] ?? state[0]), 0)); // prettier-ignore
    if (isBatch) return { output: turn(x), states };
    return { output: tf.squeeze(x, [1]), states: states.map((state) => tf.squeeze(state, [1])) };
  }

  #directions(): readonly string[] {
    return this.bidirectional ? ["", "_reverse"] : [""];
  }

  /** The first state of each layer and direction: rows of what is given, or zeros. */
  #initialStates(given: readonly Tensor[], batch: number): CellState[] {
    const count = this.numLayers * this.#directions().length;
    const expected = [count, batch, this.hiddenSize];
    const parts = given.map((state) => {
      const full = state.rank === 2 ? tf.expandDims(state, 1) : state;
      if (full.shape.join() !== expected.join()) {
        throw new LtrainError(
          "argument.invalid",
          `${this.constructor.name} takes a first state of [${expected.join(", ")}], got [${state.shape.join(", ")}]`,
        );
      }
      return tf.unstack(full, 0);
    });
    const zeros = tf.zeros([batch, this.hiddenSize]);
    return Array.from({ length: count }, (_, i): CellState => {
      const h = parts[0]?.[i] ?? zeros;
      return this.#kind === "LSTM" ? [h, parts[1]?.[i] ?? zeros] : [h];
    });
  }

  #cell(layer: number, end: string): CellWeights {
    const of = (name: string): Tensor | null => this.#weights.get(`${name}_l${layer}${end}`)?.value ?? null;
    const [input, hidden] = [of("weight_ih"), of("weight_hh")];
    if (input === null || hidden === null) throw new Error("a layer without weights");
    return { input, hidden, inputBias: of("bias_ih"), hiddenBias: of("bias_hh") };
  }
}

/** torch.nn.RNN: h = tanh(W·x + b + U·h + c), or relu. */
export class RNN extends Recurrent {
  constructor(inputSize: number, hiddenSize: number, { nonlinearity = "tanh", ...options }: RNNOptions = {}) {
    super(nonlinearity === "relu" ? "RNN_RELU" : "RNN_TANH", inputSize, hiddenSize, options);
  }

  /** Outputs, and the last hidden states; `hidden` is where it begins, zeros when it is not given. */
  forward(input: Tensor, hidden?: Tensor): [Tensor, Tensor] {
    const { output, states } = this.run(input, hidden === undefined ? [] : [hidden]);
    return [output, states[0] ?? output];
  }
}

/** torch.nn.GRU. */
export class GRU extends Recurrent {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super("GRU", inputSize, hiddenSize, options);
  }

  /** Outputs, and the last hidden states; `hidden` is where it begins, zeros when it is not given. */
  forward(input: Tensor, hidden?: Tensor): [Tensor, Tensor] {
    const { output, states } = this.run(input, hidden === undefined ? [] : [hidden]);
    return [output, states[0] ?? output];
  }
}

/** torch.nn.LSTM, without projections. */
export class LSTM extends Recurrent {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super("LSTM", inputSize, hiddenSize, options);
  }

  /** Outputs, and the last hidden and cell states; `states` is where they begin, zeros when it is not given. */
  forward(input: Tensor, states?: readonly [Tensor, Tensor]): [Tensor, [Tensor, Tensor]] {
    const result = this.run(input, states ?? []);
    const [hidden = result.output, cell = result.output] = result.states;
    return [result.output, [hidden, cell]];
  }
}
