import { decodeNumbers } from "../storage/decode.js";
import type { Quantizer, StoredTensor } from "../storage/storedTensor.js";
import { readTensor } from "../storage/strided.js";

/** Turns the integers from element `first` on into the numbers they stand for, in float32 as torch does. */
export async function dequantizer(
  { shape }: StoredTensor,
  quantizer: Quantizer,
): Promise<(numbers: Float64Array, first: number) => void> {
  const round = Math.fround;
  if (quantizer.scheme === "per_tensor_affine") {
    const { scale, zeroPoint } = quantizer;
    return (numbers) => {
      for (let i = 0; i < numbers.length; i += 1) numbers[i] = round(((numbers[i] ?? 0) - zeroPoint) * round(scale));
    };
  }
  const [scales, zeroPoints] = await Promise.all([numbersOf(quantizer.scales), numbersOf(quantizer.zeroPoints)]);
  const inner = shape.slice(quantizer.axis + 1).reduce((product, size) => product * size, 1);
  return (numbers, first) => {
    for (let i = 0; i < numbers.length; i += 1) {
      const channel = Math.floor((first + i) / inner) % scales.length;
      const [scale, zero] = [scales[channel] ?? 0, zeroPoints[channel] ?? 0];
      // As torch does for each channel: the difference in float32, the product in the scales' own dtype.
      numbers[i] = round(round(round(numbers[i] ?? 0) - round(zero)) * scale);
    }
  };
}

async function numbersOf(tensor: StoredTensor): Promise<Float64Array> {
  const { bytes, dtype } = await readTensor(tensor);
  return decodeNumbers(bytes, dtype);
}
