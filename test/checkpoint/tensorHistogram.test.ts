import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { loadCheckpoint } from "../../src/checkpoint/loadCheckpoint.js";
import { tensorHistogram } from "../../src/checkpoint/tensorHistogram.js";
import { float32Tensor } from "../../src/storage/hostTensor.js";
import { storedTensor } from "../../src/storage/storedTensor.js";

const truth = JSON.parse(
  readFileSync(new URL("../fixtures/checkpoint/histogram.json", import.meta.url), "utf8"),
) as Record<string, number[]>;
const CHECKPOINT = fileURLToPath(
  new URL("../fixtures/lightning/plateau-earlystopping-topk-best.ckpt", import.meta.url),
);
const tensorOf = (...values: number[]): ReturnType<typeof storedTensor> =>
  storedTensor(float32Tensor(Float32Array.from(values), [values.length]));

test("a tensor's numbers are counted in the bins of torch.histc", async () => {
  const { checkpoint, close } = await loadCheckpoint(CHECKPOINT);
  const tensor = checkpoint.stateDict.tensors.get("encoder.l1.0.weight");
  if (tensor === undefined) throw new Error("the fixture has no such tensor");
  expect((await tensorHistogram(tensor, 12))?.counts).toEqual(truth["encoder.l1.0.weight"]);
  await close();
});

test("a tensor of one value is in the middle bin, as torch.histc has it", async () => {
  expect((await tensorHistogram(tensorOf(3, 3, 3, 3, 3), 12))?.counts).toEqual(truth["all of one value"]);
});

test("what is not finite is left out, and a tensor without a finite number has no histogram", async () => {
  const histogram = await tensorHistogram(tensorOf(1, Number.NaN, 2, 2.5, Infinity, 4), 3);
  expect(histogram?.counts).toEqual(truth["finite"]);
  expect([histogram?.min, histogram?.max, histogram?.stats.nan, histogram?.stats.inf]).toEqual([1, 4, 1, 1]);
  expect(await tensorHistogram(tensorOf(Number.NaN, -Infinity), 3)).toBeNull();
});
