import type { OpAttribute } from "../../tensor/nodeBinding.js";
import type { Variable } from "../../tensor/variable.js";
import { TF_TYPES, type AttributeValue, type GraphNode } from "./graphDef.js";
import type { OpTrace, Source } from "./opTrace.js";

/** The names by which one step of a session is run. */
export interface StepPorts {
  /** In the trace's order. */
  readonly inputs: readonly string[];
  readonly outputs: readonly { readonly name: string; readonly port: string }[];
  /** Fetched to have the Variables assigned. */
  readonly done: string;
}

/** The names by which a Variable is set and read from outside. */
export interface VariablePorts {
  readonly feed: string;
  readonly wrote: string;
  readonly value: string;
}

/** The nodes of a Variable, which all steps of a session share. */
export function variableNodes(name: string, dtype: number, shape: readonly number[]): GraphNode[] {
  const type: AttributeValue = { kind: "type", value: dtype };
  return [
    {
      name,
      op: "VarHandleOp",
      inputs: [],
      attributes: { dtype: type, shape: { kind: "shape", value: shape }, shared_name: { kind: "string", value: name } },
    },
    {
      name: `${name}/feed`,
      op: "Placeholder",
      inputs: [],
      attributes: { dtype: type, shape: { kind: "shape", value: shape } },
    },
    { name: `${name}/set`, op: "AssignVariableOp", inputs: [name, `${name}/feed`], attributes: { dtype: type } },
    doneNode(`${name}/wrote`, [`${name}/set`]),
    { name: `${name}/value`, op: "ReadVariableOp", inputs: [name], attributes: { dtype: type } },
  ];
}

/** The ports of the nodes that variableNodes makes. */
export function variablePorts(name: string): VariablePorts {
  return { feed: `${name}/feed:0`, wrote: `${name}/wrote:0`, value: `${name}/value:0` };
}

/** A traced step as nodes of a graph, all named with a prefix of its own. */
export function stepNodes(
  prefix: string,
  trace: OpTrace,
  variable: (variable: Variable) => { readonly name: string; readonly dtype: number },
): { readonly nodes: readonly GraphNode[]; readonly ports: StepPorts } {
  const nodes: GraphNode[] = [];
  const inputs = [...trace.inputs].map(([name, { dtype, shape }], i) => {
    const node = `${prefix}/input${i}`;
    nodes.push({
      name: node,
      op: "Placeholder",
      inputs: [],
      attributes: { dtype: { kind: "type", value: dtype }, shape: { kind: "shape", value: shape } },
    });
    return { name, node, port: `${node}:0` };
  });
  trace.constants.forEach(({ dtype, shape, bytes }, i) => {
    nodes.push(constantNode(`${prefix}/constant${i}`, dtype, shape, bytes));
  });
  for (const read of trace.variables) {
    const { name, dtype } = variable(read);
    nodes.push({
      name: `${prefix}/${name}`,
      op: "ReadVariableOp",
      inputs: [name],
      attributes: { dtype: { kind: "type", value: dtype } },
    });
  }
  const portOf = (source: Source): string => {
    switch (source.kind) {
      case "op":
        return `${prefix}/op${source.op}:${source.output}`;
      case "constant":
        return `${prefix}/constant${source.constant}:0`;
      case "input":
        return inputs.find(({ name }) => name === source.name)?.port ?? "";
      case "variable":
        return `${prefix}/${variable(source.variable).name}:0`;
      default:
        source satisfies never;
        throw new TypeError("unreachable");
    }
  };
  trace.ops.forEach(({ op, attributes, inputs: sources }, i) => {
    nodes.push({
      name: `${prefix}/op${i}`,
      op,
      inputs: sources.map(portOf),
      attributes: Object.fromEntries(attributes.map((attribute) => [attribute.name, attributeValue(attribute)])),
    });
  });
  const assigns = [...trace.assigned].map(([target, source], i) => {
    const { name, dtype } = variable(target);
    nodes.push({
      name: `${prefix}/assign${i}`,
      op: "AssignVariableOp",
      // Whoever reads the value of before reads it before.
      inputs: [name, portOf(source), `^${prefix}/${name}`],
      attributes: { dtype: { kind: "type", value: dtype } },
    });
    return `${prefix}/assign${i}`;
  });
  nodes.push(doneNode(`${prefix}/done`, assigns));
  const outputs = [...trace.outputs].map(([name, source], i) => {
    if (source.kind !== "input") return { name, port: portOf(source) };
    // What is fed cannot be fetched.
    const node = `${prefix}/output${i}`;
    const dtype = trace.inputs.get(source.name)?.dtype ?? 0;
    nodes.push({
      name: node,
      op: "Identity",
      inputs: [portOf(source)],
      attributes: { T: { kind: "type", value: dtype } },
    });
    return { name, port: `${node}:0` };
  });
  return { nodes, ports: { inputs: inputs.map(({ port }) => port), outputs, done: `${prefix}/done:0` } };
}

/** The addon can only fetch values: this is one to fetch for the sake of what runs before it. */
function doneNode(name: string, after: readonly string[]): GraphNode {
  const node = constantNode(name, TF_TYPES.bool, [], Uint8Array.of(1));
  return { ...node, inputs: after.map((before) => `^${before}`) };
}

function constantNode(name: string, dtype: number, shape: readonly number[], bytes: Uint8Array): GraphNode {
  return {
    name,
    op: "Const",
    inputs: [],
    attributes: { dtype: { kind: "type", value: dtype }, value: { kind: "tensor", dtype, shape, bytes } },
  };
}

/** TF_AttrType of TensorFlow's C API, in its order. */
const KINDS = ["string", "int", "float", "bool", "type", "shape"] as const;

function attributeValue({ name, type, value }: OpAttribute): AttributeValue {
  const kind = KINDS[type];
  if (kind === undefined) throw new Error(`attribute ${name} of type ${type} has no place in a graph`);
  return { kind, value } as AttributeValue;
}
