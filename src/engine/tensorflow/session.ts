import { withTemporaryFile } from "../../io/temporaryFolder.js";
import type { BindingArray, NodeBinding, OpResult } from "../../tensor/nodeBinding.js";
import type { Variable } from "../../tensor/variable.js";
import { savedModel, TAG } from "./graphDef.js";
import type { OpTrace } from "./opTrace.js";
import { stepNodes, variableNodes, variablePorts, type StepPorts } from "./stepGraph.js";

/** Numbers on the host, as TensorFlow takes them. */
export interface HostValue {
  readonly dtype: number;
  readonly shape: readonly number[];
  readonly values: BindingArray;
}

/** TensorFlow does not take the steps as a graph. */
export class SessionRefused extends Error {}

/** A tensor of TensorFlow on its way into a graph. */
interface Feed {
  readonly port: string;
  readonly id: number;
}

/**
 * A TensorFlow session over the steps traced so far. The Variables live in it, on its device; they are read all at once
 * and set as few times as can be, since TensorFlow prepares its graph anew for every other set of names.
 */
export class StepSession {
  readonly #binding: NodeBinding;
  readonly #id: number;
  readonly #names: ReadonlyMap<Variable, string>;
  readonly #steps: readonly StepPorts[];
  readonly #written = new Map<Variable, HostValue>();
  /** The Variables since the last step that ran, as tensors. */
  #snapshot = new Map<Variable, OpResult>();

  /** Throws SessionRefused when TensorFlow does not take the steps as a graph. */
  constructor(binding: NodeBinding, traces: readonly OpTrace[], dtypes: ReadonlyMap<Variable, number>) {
    const shared = [...dtypes].map(([variable, dtype], i) => ({ variable, dtype, name: `variable${i}` }));
    const known = new Map(shared.map((item) => [item.variable, item]));
    const steps = traces.map((trace, i) => stepNodes(`step${i}`, trace, (variable) => found(known.get(variable))));
    const model = savedModel([
      ...shared.flatMap(({ name, dtype, variable }) => variableNodes(name, dtype, variable.shape)),
      ...steps.flatMap(({ nodes }) => nodes),
    ]);
    this.#binding = binding;
    this.#names = new Map(shared.map(({ variable, name }) => [variable, name]));
    this.#steps = steps.map(({ ports }) => ports);
    this.#id = withTemporaryFile("saved_model.pb", model, (folder) => {
      try {
        return binding.loadSavedModel(folder, TAG);
      } catch (cause) {
        throw new SessionRefused(String(cause), { cause });
      }
    });
  }

  has(variable: Variable): boolean {
    return this.#names.has(variable);
  }

  /** Run the step of a trace on its inputs, in its order. The outputs are the caller's to delete. */
  run(trace: number, values: readonly HostValue[]): Map<string, OpResult> {
    const { inputs, outputs, done } = found(this.#steps[trace]);
    this.#flush();
    this.#forget();
    const feeds = inputs.map((port, i) => ({ port, id: this.#create(found(values[i])) }));
    const results = this.#run(feeds, [done, ...outputs.map(({ port }) => port)]);
    this.#delete(results.splice(0, 1));
    return new Map(outputs.map(({ name }, i) => [name, found(results[i])]));
  }

  /** Set a Variable from the host. */
  write(variable: Variable, { dtype, shape, values }: HostValue): void {
    // A copy: TensorFlow goes on using the memory it is given, and so may whoever gave it.
    this.#written.set(variable, { dtype, shape, values: values.slice() });
  }

  /** The value of a Variable. */
  read(variable: Variable): BindingArray {
    this.#flush();
    return this.#binding.tensorDataSync(found(this.#values().get(variable)).id);
  }

  /** Take the Variables over from another session. */
  adopt(other: StepSession): void {
    other.#flush();
    const values = [...other.#values()];
    other.#snapshot = new Map(); // they are deleted here
    this.#set(values.map(([variable, { id }]) => ({ variable, id })));
  }

  dispose(): void {
    this.#forget();
    this.#binding.deleteSavedModel(this.#id);
  }

  #flush(): void {
    if (this.#written.size === 0) return;
    const values = [...this.#written];
    this.#written.clear();
    this.#forget();
    this.#set(values.map(([variable, value]) => ({ variable, id: this.#create(value) })));
  }

  #set(values: readonly { readonly variable: Variable; readonly id: number }[]): void {
    if (values.length === 0) return;
    const ports = values.map(({ variable, id }) => ({ id, ...variablePorts(found(this.#names.get(variable))) }));
    const feeds = ports.map(({ feed, id }) => ({ port: feed, id }));
    const fetches = ports.map(({ wrote }) => wrote);
    this.#delete(this.#run(feeds, fetches));
  }

  #values(): ReadonlyMap<Variable, OpResult> {
    if (this.#snapshot.size === 0 && this.#names.size > 0) {
      const variables = [...this.#names];
      const fetches = variables.map(([, name]) => variablePorts(name).value);
      const results = this.#run([], fetches);
      this.#snapshot = new Map(variables.map(([variable], i) => [variable, found(results[i])]));
    }
    return this.#snapshot;
  }

  #forget(): void {
    this.#delete([...this.#snapshot.values()]);
    this.#snapshot = new Map();
  }

  #create({ shape, dtype, values }: HostValue): number {
    return this.#binding.createTensor(shape, dtype, values);
  }

  /** Run what the fetches need; the feeds are used up. */
  #run(feeds: readonly Feed[], fetches: readonly string[]): OpResult[] {
    const ids = feeds.map(({ id }) => id);
    try {
      const names = feeds.map(({ port }) => port).join(",");
      return this.#binding.runSavedModel(this.#id, ids, names, fetches.join(","));
    } finally {
      for (const id of ids) this.#binding.deleteTensor(id);
    }
  }

  #delete(results: readonly OpResult[]): void {
    for (const { id } of results) this.#binding.deleteTensor(id);
  }
}

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the session does not know what it is asked for");
  return value;
}
