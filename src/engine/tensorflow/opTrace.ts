import type { BindingArray, NodeBackend, NodeBinding, OpAttribute, OpResult } from "../../tensor/nodeBinding.js";
import { zerosTensor, type HostTensor } from "../../storage/hostTensor.js";
import { observeRandom, type RandomDraw } from "../../tensor/randomInput.js";
import { tf, type Tensor } from "../../tensor/tf.js";
import { fromHost } from "../../tensor/transfer.js";
import { observeVariables, Variable } from "../../tensor/variable.js";
import type { Recording, StepFunction } from "../executor.js";

/** A value of a traced step: the output of an op, or what the step was given. */
export type Source =
  | { readonly kind: "op"; readonly op: number; readonly output: number }
  | { readonly kind: "constant"; readonly constant: number }
  | { readonly kind: "input"; readonly name: string }
  | { readonly kind: "variable"; readonly variable: Variable };

/** One op that TensorFlow ran. */
export interface TracedOp {
  readonly op: string;
  readonly attributes: readonly OpAttribute[];
  readonly inputs: readonly Source[];
  readonly outputs: number;
}

/** A tensor that the step made of numbers of its own: axes, shapes, a scalar factor. */
export interface TracedConstant {
  readonly dtype: number;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** An input of the step's caller, or numbers that are drawn for each run. */
export interface TracedInput {
  readonly dtype: number;
  readonly shape: readonly number[];
  readonly draw?: RandomDraw;
}

/** What a step did, op by op. */
export interface OpTrace {
  /** What comes from outside, random numbers among it. */
  readonly inputs: ReadonlyMap<string, TracedInput>;
  readonly ops: readonly TracedOp[];
  readonly constants: readonly TracedConstant[];
  readonly outputs: ReadonlyMap<string, Source>;
  /** What the Variables become, for those the step assigns. */
  readonly assigned: ReadonlyMap<Variable, Source>;
  /** Every Variable that the step read or assigned. */
  readonly variables: readonly Variable[];
}

/** The step looked at a value that depends on its inputs: what it does next may, too. */
export class StepReadsValues extends Error {}

/**
 * Run a step once on TensorFlow and keep the list of the ops it issued. The Variables, zeros for the time being, stay
 * what they were and no random number is drawn: only the trace says what becomes of them.
 */
export function traceStep(
  backend: NodeBackend,
  step: StepFunction,
  inputs: Readonly<Record<string, HostTensor>>,
  recording: Recording,
): OpTrace {
  const real = backend.binding;
  const tracer = new Tracer(real, backend);
  backend.binding = tracer.binding;
  tf.engine().startScope("trace");
  try {
    return tracer.trace(step, inputs, recording);
  } finally {
    tf.engine().endScope();
    backend.binding = real;
    tracer.dispose();
  }
}

/** Whether two traces are the same ops on the same constants. */
export function sameTrace(a: OpTrace, b: OpTrace): boolean {
  const numbers = new Map(a.variables.map((variable, i) => [variable, i]));
  const text = (trace: OpTrace): string =>
    JSON.stringify(
      [[...trace.inputs], trace.ops, [...trace.outputs], [...trace.assigned], trace.variables],
      (_, value: unknown) => (value instanceof Variable ? (numbers.get(value) ?? -1) : value),
    );
  return text(a) === text(b) && sameConstants(a.constants, b.constants);
}

function sameConstants(a: readonly TracedConstant[], b: readonly TracedConstant[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ dtype, shape, bytes }, i) => {
      const other = b[i];
      return (
        other !== undefined &&
        other.dtype === dtype &&
        other.shape.join() === shape.join() &&
        other.bytes.length === bytes.length &&
        bytes.every((byte, at) => byte === other.bytes[at])
      );
    })
  );
}

class Tracer {
  readonly binding: NodeBinding;
  readonly #backend: NodeBackend;
  readonly #inputs = new Map<string, TracedInput>();
  readonly #sources = new Map<number, Source>();
  readonly #ops: TracedOp[] = [];
  readonly #constants: TracedConstant[] = [];
  readonly #current = new Map<Variable, Tensor>();
  readonly #assigned = new Map<Variable, Source>();
  readonly #variables = new Set<Variable>();
  readonly #kept: Tensor[] = [];

  constructor(real: NodeBinding, backend: NodeBackend) {
    this.#backend = backend;
    const recording: Pick<NodeBinding, "createTensor" | "executeOp" | "tensorDataSync"> = {
      createTensor: (shape: readonly number[], dtype: number, values: BindingArray) => {
        const id = real.createTensor(shape, dtype, values);
        const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice();
        this.#constants.push({ dtype, shape: [...shape], bytes });
        this.#sources.set(id, { kind: "constant", constant: this.#constants.length - 1 });
        return id;
      },
      executeOp: (op: string, attributes: readonly OpAttribute[], ids: readonly number[], outputs: number) => {
        const results: OpResult[] = real.executeOp(op, attributes, ids, outputs);
        const index = this.#ops.push({ op, attributes, inputs: ids.map((id) => this.#source(id)), outputs }) - 1;
        results.forEach(({ id }, output) => this.#sources.set(id, { kind: "op", op: index, output }));
        return results;
      },
      tensorDataSync: (id: number) => {
        if (this.#source(id).kind !== "constant") throw new StepReadsValues();
        return real.tensorDataSync(id);
      },
    };
    // The addon's own functions cannot be written over, only hidden; its constants are used too.
    const descriptors = Object.entries(recording).map(([name, value]): [string, PropertyDescriptor] => [
      name,
      { value },
    ]);
    this.binding = Object.create(real, Object.fromEntries(descriptors)) as NodeBinding;
  }

  trace(step: StepFunction, inputs: Readonly<Record<string, HostTensor>>, recording: Recording): OpTrace {
    const given = Object.entries(inputs).map(([name, host]): [string, Tensor] => [name, this.#input(name, host)]);
    const state = {
      read: (variable: Variable) => this.#read(variable),
      assign: (variable: Variable, next: Tensor) => {
        this.#assign(variable, next);
      },
    };
    const results = observeRandom(
      (draw) => this.#draw(draw),
      () => observeVariables(state, () => step(Object.fromEntries(given), recording)),
    );
    const outputs = new Map(
      Object.entries(results).map(([name, tensor]): [string, Source] => [name, this.#source(this.#idOf(tensor))]),
    );
    return {
      inputs: this.#inputs,
      ops: this.#ops,
      constants: this.#constants,
      outputs,
      assigned: this.#assigned,
      variables: [...this.#variables],
    };
  }

  dispose(): void {
    for (const tensor of this.#kept) tensor.dispose();
  }

  #input(name: string, host: HostTensor, draw?: RandomDraw): Tensor {
    const source: Source = { kind: "input", name };
    const { tensor, dtype, shape } = this.#given(host, source);
    this.#inputs.set(name, { dtype, shape, ...(draw !== undefined && { draw }) });
    return tensor;
  }

  /** A name of its own for every draw: no input of a step begins so. */
  #draw(draw: RandomDraw): Tensor {
    return this.#input(`random ${this.#inputs.size} ${draw.name}`, zerosTensor("float32", draw.shape), draw);
  }

  #read(variable: Variable): Tensor {
    const known = this.#current.get(variable);
    if (known !== undefined) return known;
    const { tensor } = this.#given(zerosTensor(variable.dtype, variable.shape), { kind: "variable", variable });
    this.#variables.add(variable);
    this.#current.set(variable, this.#keep(tensor));
    return tensor;
  }

  /** A tensor that stands for something from outside. */
  #given(host: HostTensor, source: Source): { tensor: Tensor; dtype: number; shape: readonly number[] } {
    const tensor = fromHost(host);
    this.#sources.set(this.#idOf(tensor), source);
    const handedOver = this.#constants.pop(); // TensorFlow was given a tensor, which is none of the step's own
    if (handedOver === undefined) throw new Error("TensorFlow had this tensor already");
    return { tensor, dtype: handedOver.dtype, shape: handedOver.shape };
  }

  #assign(variable: Variable, next: Tensor): void {
    const kept = this.#keep(next.clone()); // it outlives the scope that the assigned tensor belongs to
    this.#variables.add(variable);
    this.#current.set(variable, kept);
    this.#assigned.set(variable, this.#source(this.#idOf(kept)));
  }

  #keep(tensor: Tensor): Tensor {
    this.#kept.push(tensor);
    return tf.keep(tensor);
  }

  #idOf(tensor: Tensor): number {
    const [id] = this.#backend.getInputTensorIds([tensor]);
    if (id === undefined) throw new Error("TensorFlow does not know this tensor");
    return id;
  }

  #source(id: number): Source {
    const source = this.#sources.get(id);
    if (source !== undefined) return source;
    throw new StepReadsValues(); // a tensor from before the step: it may be another one next time
  }
}
