import { createHash } from "node:crypto";
import { dequantizer } from "../../src/checkpoint/dequantize.js";
import { decodeNumbers } from "../../src/storage/decode.js";
import { StoredTensor } from "../../src/storage/storedTensor.js";
import { readTensor } from "../../src/storage/strided.js";
import { loadFixture, pathsOf, twinOf } from "../serialization/twin.js";

const FILE = "torch/quantized-per-channel-axes.pt";

test("a quantized tensor stands for the numbers that torch's dequantize() gives, to the bit", async () => {
  const { dequantized } = twinOf(FILE) as unknown as { readonly dequantized: Readonly<Record<string, string>> };
  expect(Object.keys(dequantized)).toHaveLength(6);
  const paths = pathsOf((await loadFixture(FILE)).value);
  for (const [path, expected] of Object.entries(dequantized)) {
    const tensor = paths.get(path);
    if (!(tensor instanceof StoredTensor) || tensor.quantizer === undefined)
      throw new Error(`${path} is not quantized`);
    const { bytes } = await readTensor(tensor);
    const numbers = decodeNumbers(bytes, tensor.dtype);
    (await dequantizer(tensor, tensor.quantizer))(numbers, 0);
    const float32 = Buffer.from(Float32Array.from(numbers).buffer);
    const sha256 = createHash("sha256").update(float32).digest("hex");
    expect({ path, sha256 }).toEqual({ path, sha256: expected });
  }
});
