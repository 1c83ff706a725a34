import { LtrainError } from "../../errors.js";
import type { Node, Value } from "../graph.js";
import type { AttributeValue } from "./graphDef.js";
import { INT32, typeOf, type GraphWriter } from "./graphWriter.js";
import type { OperatorTable } from "./operators.js";

const NHWC = { kind: "string", value: "NHWC" } as const;

/** The integers of an attribute; as many ones where it is not given. */
function integersOf(node: Node, name: string, missing: readonly number[]): readonly number[] {
  const attribute = node.attributes[name];
  return attribute?.kind === "ints" ? attribute.value : missing;
}

/** One number for each axis of NHWC, of the two of the image. */
function axes([height = 1, width = 1]: readonly number[]): AttributeValue {
  return { kind: "int", value: [1, height, width, 1] };
}

interface Padding {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

function paddingOf(node: Node): Padding {
  const [top = 0, left = 0, bottom = 0, right = 0] = integersOf(node, "pads", []);
  return { top, left, bottom, right };
}

const isNone = ({ top, left, bottom, right }: Padding): boolean =>
  [top, left, bottom, right].every((each) => each === 0);

function windowAttributes(node: Node, x: Value): Readonly<Record<string, AttributeValue>> {
  const padding = paddingOf(node);
  const { top, left, bottom, right } = padding;
  return {
    T: typeOf(x),
    data_format: NHWC,
    strides: axes(integersOf(node, "strides", [])),
    dilations: axes(integersOf(node, "dilations", [])),
    ...(isNone(padding)
      ? { padding: { kind: "string", value: "VALID" } }
      : {
          padding: { kind: "string", value: "EXPLICIT" },
          explicit_paddings: { kind: "int", value: [0, 0, top, bottom, left, right, 0, 0] },
        }),
  };
}

/** The shape of an output whose first axis is as long as an input's. */
function shapeLike(w: GraphWriter, x: string, [, ...rest]: readonly number[]): string {
  const shape = w.emit("Shape", [x], { T: { kind: "type", value: 1 }, out_type: INT32 });
  const first = w.emit("Slice", [shape, w.integers([0]), w.integers([1])], { T: INT32, Index: INT32 });
  const attributes = { N: { kind: "int", value: 2 }, T: INT32, Tidx: INT32 } as const;
  return w.emit("ConcatV2", [first, w.integers(rest), w.integers([0], [])], attributes);
}

function pooling(op: string, outside: number | null) {
  return (w: GraphWriter, node: Node, [x = ""]: readonly string[], [value]: readonly Value[]): readonly string[] => {
    const padding = paddingOf(node);
    const { top, left, bottom, right } = padding;
    const type = value === undefined ? INT32 : typeOf(value);
    let image = x;
    if (!isNone(padding)) {
      if (outside === null) throw unsupportedPadding(node);
      const pads = w.integers([0, 0, top, bottom, left, right, 0, 0], [4, 2]);
      image = w.emit("PadV2", [x, pads, w.float(outside)], { T: type, Tpaddings: INT32 });
    }
    return [
      w.emit(op, [image], {
        T: type,
        data_format: NHWC,
        ksize: axes(integersOf(node, "kernel_shape", [])),
        strides: axes(integersOf(node, "strides", [])),
        padding: { kind: "string", value: "VALID" },
      }),
    ];
  };
}

function unsupportedPadding({ origin }: Node): LtrainError {
  return new LtrainError(
    "engine.unsupported",
    `TensorFlow.js has no AveragePool that leaves its padding out of the average (${origin})`,
    { hint: "export it as ONNX: --format onnx" },
  );
}

/** Convolutions and pooling, as channelsLast has made them. */
export const WINDOW_OPERATORS: OperatorTable = {
  Conv: (w, node, inputs, [x]) => [w.emit("Conv2D", inputs, x === undefined ? {} : windowAttributes(node, x))],
  DepthwiseConv: (w, node, inputs, [x]) => [
    w.emit("DepthwiseConv2dNative", inputs, x === undefined ? {} : windowAttributes(node, x)),
  ],
  ConvTranspose: (w, node, [x = "", filter = ""], [value]) => {
    const shape = node.outputs[0]?.shape ?? [];
    if (value === undefined || integersOf(node, "dilations", []).some((each) => each !== 1)) {
      throw new LtrainError(
        "engine.unsupported",
        `TensorFlow.js has no transposed convolution with dilation (${node.origin})`,
        { hint: "export it as ONNX: --format onnx" },
      );
    }
    return [w.emit("Conv2DBackpropInput", [shapeLike(w, x, shape), filter, x], windowAttributes(node, value))];
  },
  MaxPool: pooling("MaxPool", -Infinity),
  AveragePool: pooling("AvgPool", null),
};
