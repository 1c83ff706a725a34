import { LtrainError } from "../errors.js";
import type { DType } from "../storage/dtype.js";
import type { Variable } from "../tensor/variable.js";
import type { CapturedStep } from "./capture.js";
import { captureStep, inputPort, outputPort, statePort } from "./capture.js";
import type { DynamicGraph } from "./dynamicBatch.js";
import { joinBatchSizes } from "./dynamicBatch.js";
import type { StepFunction } from "./executor.js";
import type { Graph, Node, TensorSpec, Value } from "./graph.js";
import { int } from "./graph.js";
import { computeType, toCompute } from "./hostValues.js";
import { simplify } from "./passes/index.js";

/** What a step is exported from. */
export interface ExportParts {
  readonly step: StepFunction;
  /** The step's inputs as they come from outside, with a batch of any size. */
  readonly inputs: Readonly<Record<string, ExportedInput>>;
  /** null: any batch size; a number: this one alone. */
  readonly batchSize: number | null;
  /** The names of Variables in the state_dict, which the model's weights get. */
  readonly weightNames: ReadonlyMap<Variable, string>;
  /** What the step's inputs and outputs are called in the model. */
  readonly nameOf: (kind: "input" | "output", names: readonly string[]) => ReadonlyMap<string, string>;
}

/** A tensor that goes in: its first axis is the batch, unless it has none. */
export interface ExportedInput {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** An input or output of an exported model; "batch" is an axis of any length. */
export interface ExportedPort {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly (number | "batch")[];
}

/** What every format says of a model that it holds. */
export interface ExportedPorts {
  readonly inputs: readonly ExportedPort[];
  readonly outputs: readonly ExportedPort[];
  /** The step's own names of the model's inputs and outputs. */
  readonly inputNames: ReadonlyMap<string, string>;
  readonly outputNames: ReadonlyMap<string, string>;
}

/** A step as the graph that an exported model is: its weights are constants. */
export interface ExportedGraph extends ExportedPorts {
  readonly graph: Graph;
  /** The weights' names in the state_dict. */
  readonly constantNames: ReadonlyMap<Value, string>;
  /** Axes of ports, by the port's name, that are as long as the batch. */
  readonly batchAxes: ReadonlyMap<string, readonly number[]>;
}

/** Sizes at which a graph is looked at: primes, so that no width of a model is taken for the batch. */
const PRIMES = [11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107];

/** A step captured for export: its ports and weights have the names they get in the model, the batch has any size. */
export async function exportGraph(parts: ExportParts): Promise<ExportedGraph> {
  const { graph, batchAxes, captured } = capture(parts);
  const states = await weightsOf(captured, graph, parts.weightNames);
  const used = (kind: "input" | "output"): readonly string[] => {
    const portOf = kind === "input" ? inputPort : outputPort;
    const there = new Set((kind === "input" ? graph.inputs : graph.outputs).map(({ name }) => name));
    return (kind === "input" ? captured.inputs : captured.outputs).filter((name) => there.has(portOf(name)));
  };
  const inputNames = parts.nameOf("input", used("input"));
  const outputNames = parts.nameOf("output", used("output"));
  const { ports, casts, replaced } = outerInputs(graph, parts.inputs, inputNames);
  const now = (value: Value | null): Value | null =>
    value === null ? null : (states.values.get(value) ?? replaced.get(value) ?? value);
  const outputs = graph.outputs.map(({ name, value }) => ({
    name: outputNames.get(name.slice(outputPort("").length)) ?? name,
    value: now(value) ?? value,
  }));
  const nodes: Node[] = [...casts, ...graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map(now) }))];
  const axes = new Map(
    [...batchAxes].map(([port, list]): [string, readonly number[]] => {
      const [kind, name] = [port.slice(0, port.indexOf(".")), port.slice(port.indexOf(".") + 1)];
      return [(kind === "input" ? inputNames.get(name) : outputNames.get(name)) ?? port, list];
    }),
  );
  const described = ({ name, value }: { readonly name: string; readonly value: TensorSpec }): ExportedPort => ({
    name,
    dtype: value.dtype,
    shape: value.shape.map((size, axis) => (axes.get(name)?.includes(axis) === true ? "batch" : size)),
  });
  return {
    graph: { inputs: ports, nodes, outputs },
    constantNames: states.names,
    batchAxes: axes,
    inputs: ports.map(described),
    outputs: outputs.map(described),
    inputNames,
    outputNames,
  };
}

interface Captured extends DynamicGraph {
  readonly captured: CapturedStep;
}

function capture({ step, inputs, batchSize }: ExportParts): Captured {
  const at = (size: number): CapturedStep => {
    const specs = Object.entries(inputs).map(([name, { dtype, shape }]): [string, TensorSpec] => [
      name,
      { dtype: computeType(dtype), shape: shape.length === 0 ? shape : [size, ...shape.slice(1)] },
    ]);
    const captured = captureStep(step, Object.fromEntries(specs));
    if (captured.draws.length > 0) {
      throw new LtrainError(
        "engine.unsupported",
        "the model draws random numbers when it predicts, and an exported model would not",
        {
          hint: "leave them out of predictStep",
        },
      );
    }
    return { ...captured, graph: simplify(captured.graph) };
  };
  if (batchSize !== null) {
    const captured = at(batchSize);
    return { captured, graph: captured.graph, batchAxes: new Map() };
  }
  const taken = new Set(Object.values(inputs).flatMap(({ shape }) => shape));
  const first = at(2);
  for (const { shape } of first.variables) shape.forEach((size) => taken.add(size));
  const [a = 11, b = 13, c = 17] = PRIMES.filter((size) => !taken.has(size));
  const [captured, second, third] = [at(a), at(b), at(c)];
  const joined = joinBatchSizes({ sizes: [a, b, c], graphs: [captured.graph, second.graph, third.graph] });
  return { captured, ...joined };
}

/** Variables become constants with their values. */
async function weightsOf(
  { variables }: CapturedStep,
  graph: Graph,
  names: ReadonlyMap<Variable, string>,
): Promise<{ readonly values: ReadonlyMap<Value, Value>; readonly names: ReadonlyMap<Value, string> }> {
  const values = new Map<Value, Value>();
  const constantNames = new Map<Value, string>();
  for (const [i, variable] of variables.entries()) {
    const port = graph.inputs.find(({ name }) => name === statePort(i));
    if (port === undefined) continue; // nothing depends on it
    const constant = toCompute(await variable.read());
    const weight: Value = { dtype: port.value.dtype, shape: port.value.shape, constant };
    values.set(port.value, weight);
    constantNames.set(weight, names.get(variable) ?? `variable.${i}`);
  }
  return { values, names: constantNames };
}

/** Inputs as they come from outside: integers are int64 there, and the graph computes in int32. */
function outerInputs(
  graph: Graph,
  inputs: Readonly<Record<string, ExportedInput>>,
  names: ReadonlyMap<string, string>,
): {
  readonly ports: readonly { readonly name: string; readonly value: Value }[];
  readonly casts: readonly Node[];
  readonly replaced: ReadonlyMap<Value, Value>;
} {
  const casts: Node[] = [];
  const replaced = new Map<Value, Value>();
  const ports = Object.entries(inputs).flatMap(([name, { dtype }]) => {
    const port = graph.inputs.find((each) => each.name === inputPort(name));
    if (port === undefined) return [];
    const { value } = port;
    const called = names.get(name) ?? name;
    if (dtype !== "int64") return [{ name: called, value }];
    const outer: Value = { dtype: "int64", shape: value.shape, constant: null };
    const inner: Value = { dtype: value.dtype, shape: value.shape, constant: null };
    const to = { to: int(6) }; // TensorProto.INT32
    casts.push({ op: "Cast", domain: "", inputs: [outer], outputs: [inner], attributes: to, origin: "input" });
    replaced.set(value, inner);
    return [{ name: called, value: outer }];
  });
  return { ports, casts, replaced };
}
