import { GraphBuilder } from "./graphBuilder.js";
import { onnxModel } from "./onnxModel.js";
import type { OrtModule } from "./ortDevice.js";

/** A little less than 32 MiB, up to which glibc follows what is freed. */
const ELEMENTS = 8 * 2 ** 20 - 65536;

/**
 * Make the C library keep the memory of large arrays for the next ones.
 *
 * onnxruntime-node hands every output over in an array of its own, also where it was written into one that was given.
 * Until a large block has been freed, glibc takes each such array from the system and gives it back again, and the
 * system clears its pages one by one: 1.2 ms for 1 MB, four times what copying costs. glibc raises its threshold
 * (M_MMAP_THRESHOLD) to the size of a mapped block that is freed, so one is made and freed, inside a session. Where
 * another C library is at work, this costs some milliseconds and does nothing.
 */
export async function keepLargeBlocks(ort: OrtModule): Promise<void> {
  const b = new GraphBuilder();
  const x = b.input({ dtype: "float32", shape: [1] });
  const large = b.expand(x, [ELEMENTS]);
  const y = b.emit("ReduceMax", [large], { dtype: "float32", shape: [] }, { keepdims: { kind: "int", value: 0 } });
  const model = onnxModel({ inputs: [{ name: "x", value: x }], nodes: b.nodes, outputs: [{ name: "y", value: y }] });
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ["cpu"],
    intraOpNumThreads: 1,
    enableCpuMemArena: false,
    graphOptimizationLevel: "disabled",
  });
  await session.run({ x: new ort.Tensor("float32", Float32Array.of(0), [1]) });
  await session.release();
}
