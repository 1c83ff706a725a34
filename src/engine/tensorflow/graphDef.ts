import { ProtoWriter } from "../../storage/protoWriter.js";

/** TensorFlow's DataType, the same number in its C API and in its protobufs. */
export const TF_TYPES = { float32: 1, int32: 3, int64: 9, bool: 10 } as const;

/** The value of a node's attribute. */
export type AttributeValue =
  | { readonly kind: "type"; readonly value: number }
  | { readonly kind: "bool"; readonly value: boolean | readonly boolean[] }
  | { readonly kind: "int"; readonly value: number | readonly number[] }
  | { readonly kind: "float"; readonly value: number | readonly number[] }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "shape"; readonly value: readonly number[] }
  | { readonly kind: "tensor"; readonly dtype: number; readonly shape: readonly number[]; readonly bytes: Uint8Array };

/** A node of a TensorFlow graph; an input is `node:output`, or `^node` for one that must only have run before. */
export interface GraphNode {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

/** The tag under which a SavedModel keeps its graph. */
export const TAG = "serve";

/** TensorFlow 2.9 wrote graphs of this version; newer ones read it. */
export const PRODUCER = 1087;

/** A SavedModel that holds a graph and no variables' values. */
export function savedModel(nodes: readonly GraphNode[]): Uint8Array {
  const writer = new ProtoWriter();
  writer.varint(1, 1);
  writer.message(2, (metaGraph) => {
    metaGraph.message(1, (info) => {
      info.text(4, TAG);
    });
    metaGraph.message(2, (graph) => {
      for (const node of nodes) {
        graph.message(1, (body) => {
          writeNode(body, node);
        });
      }
      graph.message(4, (versions) => {
        versions.varint(1, PRODUCER);
      });
    });
  });
  return writer.finish();
}

function writeNode(writer: ProtoWriter, { name, op, inputs, attributes }: GraphNode): void {
  writer.text(1, name);
  writer.text(2, op);
  for (const input of inputs) writer.text(3, input);
  for (const [key, value] of Object.entries(attributes)) {
    writer.message(5, (entry) => {
      entry.text(1, key);
      entry.message(2, (body) => {
        writeValue(body, value);
      });
    });
  }
}

/** Fields of AttrValue, and of its list. */
const FIELD = { string: 2, int: 3, float: 4, bool: 5, type: 6, shape: 7, tensor: 8 } as const;
const LIST = 1;

function writeValue(writer: ProtoWriter, attribute: AttributeValue): void {
  const field = FIELD[attribute.kind];
  switch (attribute.kind) {
    case "string":
      writer.text(field, attribute.value);
      return;
    case "type":
      writer.varint(field, attribute.value);
      return;
    case "shape":
      writer.message(field, (body) => {
        writeShape(body, attribute.value);
      });
      return;
    case "tensor":
      writer.message(field, (body) => {
        body.varint(1, attribute.dtype);
        body.message(2, (shape) => {
          writeShape(shape, attribute.shape);
        });
        body.bytes(4, attribute.bytes);
      });
      return;
    case "int":
    case "float":
    case "bool": {
      const write = (to: ProtoWriter, value: number | boolean): void => {
        if (attribute.kind === "float") to.float(field, Number(value));
        else to.varint(field, Number(value));
      };
      const { value } = attribute;
      if (typeof value !== "object") write(writer, value);
      else {
        writer.message(LIST, (list) => {
          for (const item of value) write(list, item);
        });
      }
      return;
    }
    default:
      attribute satisfies never;
  }
}

function writeShape(writer: ProtoWriter, shape: readonly number[]): void {
  for (const size of shape) {
    writer.message(2, (dimension) => {
      dimension.varint(1, size);
    });
  }
}
