import { ortExecutor } from "../../src/engine/ortExecutor.js";
import { float32Values } from "../../src/storage/hostTensor.js";
import { useBackend } from "../../src/engine/eager.js";
import { rand, randn } from "../../src/tensor/random.js";
import { seedEverything } from "../../src/tensor/seed.js";
import { tf } from "../../src/tensor/tf.js";

// torch 2.13: torch.manual_seed(7); torch.randn(5); torch.rand(3); torch.randn(2, 10), in this order.
const NORMAL = [-0.1467950940132141, 0.7861412763595581, 0.9468216300010681, -1.1143440008163452, 1.6907901763916016];
const UNIFORM = [0.28683900833129883, 0.2063193917274475, 0.4450901746749878];
const MANY = [
  ...[-0.3204769194126129, -1.5826646089553833, -0.32456663250923157, 1.9263681173324585, 2.298342704772949],
  ...[0.9571021795272827, -0.6618675589561462, -0.8284520506858826, -0.6056802868843079, -0.13543689250946045],
  ...[0.7471182346343994, 0.6118157505989075, -1.056684136390686, -0.2615867257118225, -0.25013262033462524],
  ...[0.501121461391449, 0.2600362002849579, -1.6370213031768799, 0.1577119082212448, 0.39574092626571655],
];

test("randn and rand draw torch's numbers from the same seed", async () => {
  await useBackend("cpu");
  seedEverything(7);
  expect(Array.from(randn([5]).dataSync())).toEqual(NORMAL);
  expect(Array.from(rand([3]).dataSync())).toEqual(UNIFORM);
  const many = randn([2, 10]);
  expect(many.shape).toEqual([2, 10]);
  expect(Array.from(many.dataSync())).toEqual(MANY);
});

test("inside a captured step they are drawn anew at every run, in the same order", async () => {
  const executor = await ortExecutor({ threads: 1 });
  const step = executor.compile(() => ({
    a: tf.add(randn([5]), 0),
    b: tf.add(rand([3]), 0),
    c: tf.add(randn([5]), 0),
  }));
  seedEverything(7);
  const outputs = await step.run({});
  expect(Array.from(float32Values(await outputs.tensor("a")))).toEqual(NORMAL);
  expect(Array.from(float32Values(await outputs.tensor("b")))).toEqual(UNIFORM);
  const again = await step.run({});
  expect(Array.from(float32Values(await again.tensor("a")))).not.toEqual(NORMAL);
  await executor.dispose();
});
