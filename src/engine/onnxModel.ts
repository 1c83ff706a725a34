import type { Attribute, ConstantData, Graph, Node, Port, TensorSpec, Value } from "./graph.js";
import { ONNX_TYPES } from "./graphBuilder.js";
import { ProtoWriter } from "../storage/protoWriter.js";

/** The newest operator set that every provider of ONNX Runtime 1.30 has kernels for. */
const OPSET = 21;
/** The ONNX file version that belongs to opset 21. */
const IR_VERSION = 10;
/** AttributeProto.AttributeType. */
const ATTRIBUTE_TYPES = { float: 1, int: 2, string: 3, ints: 7 } as const satisfies Record<Attribute["kind"], number>;

/** What a model is called, and how its parts are. */
export interface OnnxModelOptions {
  readonly name?: string;
  /** Names of constants: those of the weights in the state_dict. */
  readonly constantNames?: ReadonlyMap<Value, string>;
  /** Axes of ports, by the port's name, that any length may have: they are called "batch". */
  readonly batchAxes?: ReadonlyMap<string, readonly number[]>;
}

/** The graph as the bytes of an ONNX ModelProto (onnx.proto3, field numbers as there). */
export function onnxModel(graph: Graph, options: OnnxModelOptions = {}): Uint8Array {
  const { name = "step", constantNames = new Map<Value, string>(), batchAxes } = options;
  const names = new ValueNames(graph, constantNames);
  const model = new ProtoWriter();
  model.varint(1, IR_VERSION);
  model.text(2, "ltrain");
  model.message(7, (body) => {
    for (const node of namedOutputs(graph, names))
      body.message(1, (proto) => {
        writeNode(proto, node, names);
      });
    body.text(2, name);
    for (const [value, constantName] of names.constants) {
      body.message(5, (proto) => {
        writeTensor(proto, value, constantName);
      });
    }
    for (const port of graph.inputs)
      body.message(11, (proto) => {
        writePort(proto, port, batchAxes?.get(port.name));
      });
    for (const port of graph.outputs)
      body.message(12, (proto) => {
        writePort(proto, port, batchAxes?.get(port.name));
      });
  });
  const usesOwn = graph.nodes.some(({ domain }) => domain === "com.microsoft");
  for (const domain of usesOwn ? ["", "com.microsoft"] : [""]) {
    model.message(8, (proto) => {
      proto.text(1, domain);
      proto.varint(2, domain === "" ? OPSET : 1);
    });
  }
  return model.finish();
}

/** Gives each value its name: ports keep theirs, the rest are numbered. */
class ValueNames {
  readonly constants = new Map<Value, string>();
  readonly #names = new Map<Value, string>();
  readonly #constantNames: ReadonlyMap<Value, string>;
  /** Names that are given from outside. */
  readonly #taken: ReadonlySet<string>;
  #count = 0;

  constructor(graph: Graph, constantNames: ReadonlyMap<Value, string>) {
    this.#constantNames = constantNames;
    this.#taken = new Set([...constantNames.values(), ...[...graph.inputs, ...graph.outputs].map(({ name }) => name)]);
    for (const { name, value } of graph.inputs) this.#names.set(value, name);
    // A value may leave under one name only, and inputs and constants leave through an Identity.
    for (const { name, value } of graph.outputs) {
      if (!this.#names.has(value) && value.constant === null) this.#names.set(value, name);
    }
  }

  of(value: Value | null): string {
    if (value === null) return "";
    const known = this.#names.get(value);
    if (known !== undefined) return known;
    const name = this.#constantNames.get(value) ?? this.#fresh(value.constant === null ? "v" : "c");
    this.#names.set(value, name);
    if (value.constant !== null) this.constants.set(value, name);
    return name;
  }

  #fresh(letter: string): string {
    for (;;) {
      this.#count += 1;
      const name = `${letter}${this.#count}`;
      if (!this.#taken.has(name)) return name;
    }
  }
}

/** The nodes, followed by an Identity for each output whose value already has another name. */
function* namedOutputs(graph: Graph, names: ValueNames): Iterable<Node | { from: Value; name: string }> {
  yield* graph.nodes;
  for (const { name, value } of graph.outputs) {
    if (names.of(value) !== name) yield { from: value, name };
  }
}

function writeNode(proto: ProtoWriter, node: Node | { from: Value; name: string }, names: ValueNames): void {
  if ("from" in node) {
    proto.text(1, names.of(node.from));
    proto.text(2, node.name);
    proto.text(4, "Identity");
    return;
  }
  for (const value of node.inputs) proto.text(1, names.of(value));
  for (const value of node.outputs) proto.text(2, names.of(value));
  proto.text(4, node.op);
  for (const [key, attribute] of Object.entries(node.attributes)) {
    proto.message(5, (body) => {
      writeAttribute(body, key, attribute);
    });
  }
  if (node.domain !== "") proto.text(7, node.domain);
}

function writeAttribute(proto: ProtoWriter, key: string, attribute: Attribute): void {
  proto.text(1, key);
  switch (attribute.kind) {
    case "float":
      proto.float(2, attribute.value);
      break;
    case "int":
      proto.varint(3, attribute.value);
      break;
    case "string":
      proto.text(4, attribute.value);
      break;
    case "ints":
      for (const value of attribute.value) proto.varint(8, value);
      break;
    default:
      attribute satisfies never;
  }
  proto.varint(20, ATTRIBUTE_TYPES[attribute.kind]);
}

function writeTensor(proto: ProtoWriter, value: Value, name: string): void {
  for (const size of value.shape) proto.varint(1, size);
  proto.varint(2, ONNX_TYPES[value.dtype]);
  proto.text(8, name);
  proto.bytes(9, rawBytes(value.constant ?? new Uint8Array(0)));
}

function rawBytes(data: ConstantData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function writePort(proto: ProtoWriter, port: Port, batchAxes: readonly number[] = []): void {
  proto.text(1, port.name);
  proto.message(2, (type) => {
    type.message(1, (tensor) => {
      writeTensorType(tensor, port.value, batchAxes);
    });
  });
}

function writeTensorType(proto: ProtoWriter, spec: TensorSpec, batchAxes: readonly number[]): void {
  proto.varint(1, ONNX_TYPES[spec.dtype]);
  proto.message(2, (shape) => {
    for (const [axis, size] of spec.shape.entries()) {
      shape.message(1, (dimension) => {
        if (batchAxes.includes(axis)) dimension.text(2, "batch");
        else dimension.varint(1, size);
      });
    }
  });
}
