import { LtrainError } from "../errors.js";
import { isHalf, type HalfType } from "../storage/float16.js";
import type { Tensor } from "../tensor/tf.js";
import { tf } from "../tensor/tf.js";
import type { RandomDraw } from "../tensor/randomInput.js";
import { observeRandom } from "../tensor/randomInput.js";
import type { Variable } from "../tensor/variable.js";
import { observeVariables } from "../tensor/variable.js";
import { userLine } from "./callSite.js";
import type { Recording, StepFunction } from "./executor.js";
import type { Graph, Node, Port, TensorSpec } from "./graph.js";
import { checkGraph } from "./graph.js";
import { computeType } from "./hostValues.js";
import { RecordingBackend, record } from "./recordingBackend.js";

/** A step as a graph. Variable `i` comes in as `state.i` and, where the step assigns it, leaves as `state.i.next`. */
export interface CapturedStep {
  readonly graph: Graph;
  readonly variables: readonly Variable[];
  /** Random numbers that the step takes, in the order in which it asked: draw `i` comes in as `random.i`. */
  readonly draws: readonly RandomDraw[];
  /** Names of the step's own inputs and outputs, as the step knows them. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** How a step is captured. */
export interface CaptureOptions {
  readonly recording?: Recording;
  /** Let each node's origin name the user's line, which takes long: for error messages. */
  readonly places?: boolean;
  /** Is given the nodes before the first is written: the list grows as the step goes on. */
  readonly watch?: (nodes: readonly Node[]) => void;
}

/** The port of a step's input. */
export function inputPort(name: string): string {
  return `input.${name}`;
}

/** The port of a step's output. */
export function outputPort(name: string): string {
  return `output.${name}`;
}

/** The port through which random numbers come in. */
export function randomPort(index: number): string {
  return `random.${index}`;
}

/** The port through which a Variable comes in. */
export function statePort(index: number): string {
  return `state.${index}`;
}

/** The port through which a Variable's next value leaves. */
export function nextStatePort(index: number): string {
  return `state.${index}.next`;
}

/**
 * Run a step once over tensors without values, and give back what it did as a graph. The Variables keep their values:
 * only the graph says what becomes of them.
 */
export function captureStep(
  step: StepFunction,
  inputs: Readonly<Record<string, TensorSpec>>,
  options: CaptureOptions = {},
): CapturedStep {
  const { recording = "first", places = false } = options;
  return record((backend) => {
    backend.notesPlaces = places;
    options.watch?.(backend.builder.nodes);
    const ports: Port[] = [];
    const placeholders: Record<string, Tensor> = {};
    for (const [name, spec] of Object.entries(inputs)) {
      const value = backend.builder.input(spec);
      ports.push({ name: inputPort(name), value });
      placeholders[name] = backend.tensor(value);
    }
    const state = new StateWatch(backend);
    const draws: RandomDraw[] = [];
    const drawn = (request: RandomDraw): Tensor => {
      const value = backend.builder.input({ dtype: "float32", shape: request.shape });
      ports.push({ name: randomPort(draws.length), value });
      draws.push(request);
      return backend.tensor(value);
    };
    try {
      const results = observeVariables(state, () => observeRandom(drawn, () => step(placeholders, recording)));
      const outputs = Object.entries(results).map(([name, tensor]): Port => {
        return { name: outputPort(name), value: backend.value(tensor) };
      });
      const graph: Graph = {
        inputs: [...ports, ...state.inputs],
        nodes: backend.builder.nodes,
        outputs: [...outputs, ...state.outputs()],
      };
      checkGraph(graph);
      const names = { inputs: Object.keys(inputs), outputs: Object.keys(results) };
      return { graph, variables: state.variables, draws, ...names };
    } finally {
      state.dispose();
    }
  });
}

/** Gives a Variable a placeholder when it is first read, and remembers what it became. */
class StateWatch {
  readonly variables: Variable[] = [];
  readonly inputs: Port[] = [];
  readonly #current = new Map<Variable, Tensor>();
  readonly #assigned = new Map<Variable, Tensor>();
  readonly #kept: Tensor[] = [];
  readonly #backend: RecordingBackend;

  constructor(backend: RecordingBackend) {
    this.#backend = backend;
  }

  read(variable: Variable): Tensor {
    const known = this.#current.get(variable);
    if (known !== undefined) return known;
    const value = this.#backend.builder.input({ dtype: computeType(variable.dtype), shape: variable.shape });
    this.inputs.push({ name: statePort(this.#indexOf(variable)), value });
    const tensor = this.#keep(this.#backend.tensor(value));
    this.#current.set(variable, tensor);
    return tensor;
  }

  assign(variable: Variable, next: Tensor): void {
    const expected = computeType(variable.dtype);
    if (next.dtype !== expected) {
      throw new LtrainError(
        "engine.unsupported",
        `a variable of ${expected} is assigned a tensor of ${next.dtype} at ${userLine()}`,
        { hint: "cast the tensor before assigning it" },
      );
    }
    this.#indexOf(variable);
    // A clone outlives the scope that the assigned tensor belongs to.
    const kept = this.#keep(isHalf(variable.dtype) ? this.#rounded(next, variable.dtype) : next.clone());
    this.#current.set(variable, kept);
    this.#assigned.set(variable, kept);
  }

  outputs(): Port[] {
    return [...this.#assigned].map(([variable, tensor]) => ({
      name: nextStatePort(this.variables.indexOf(variable)),
      value: this.#backend.value(tensor),
    }));
  }

  /** Give back the tensors that outlived their scopes. */
  dispose(): void {
    for (const tensor of this.#kept) tensor.dispose();
  }

  /** What is a half in the checkpoint is one between steps too: it is rounded when it is assigned. */
  #rounded(tensor: Tensor, type: HalfType): Tensor {
    const { builder } = this.#backend;
    builder.origin = "assign";
    return this.#backend.tensor(builder.cast(builder.cast(this.#backend.value(tensor), type), "float32"));
  }

  #keep(tensor: Tensor): Tensor {
    this.#kept.push(tensor);
    return tf.keep(tensor);
  }

  #indexOf(variable: Variable): number {
    const index = this.variables.indexOf(variable);
    return index >= 0 ? index : this.variables.push(variable) - 1;
  }
}
