import { ACTIVATION } from "./activation.js";
import { ARITHMETIC } from "./arithmetic.js";
import { CONVOLUTION } from "./convolution.js";
import { INDEXING } from "./indexing.js";
import { LAYOUT } from "./layout.js";
import type { LoweringTable } from "./lowering.js";
import { MATRIX } from "./matrix.js";
import { POOLING } from "./pooling.js";
import { REDUCTION } from "./reduction.js";

/** Every tfjs kernel that can be written in ONNX operators. */
export const LOWERINGS: LoweringTable = {
  ...ARITHMETIC,
  ...ACTIVATION,
  ...REDUCTION,
  ...MATRIX,
  ...LAYOUT,
  ...INDEXING,
  ...CONVOLUTION,
  ...POOLING,
};
