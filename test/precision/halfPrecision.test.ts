import { join } from "node:path";
import { loadCheckpoint } from "../../src/checkpoint/checkpointIO.js";
import { PyDict } from "../../src/pickle/values.js";
import { StoredTensor } from "../../src/storage/storedTensor.js";
import { Trainer } from "../../src/trainer/trainer.js";
import { SaveAtSteps, inTemporaryFolder } from "../trainer/tinyRun.js";
import { Mlp, ON_CPU, Rows } from "./autocastRuns.js";

const TYPES = { "16-true": "float16", "bf16-true": "bfloat16" } as const;

async function bytesOf(module: Mlp): Promise<string[]> {
  const values = await Promise.all([...module.state().values()].map((variable) => variable.read()));
  return values.map(({ dtype, bytes }) => `${dtype} ${Buffer.from(bytes).toString("hex")}`);
}

test.each(["16-true", "bf16-true"] as const)(
  "%s keeps weights and momentum as halves in the checkpoint, and resumes from them bit for bit",
  async (precision) => {
    await inTemporaryFolder(async (folder) => {
      const train = async (maxSteps: number, ckptPath: string | null): Promise<string[]> => {
        const module = new Mlp({ bias: true });
        const callbacks = [new SaveAtSteps(folder, ckptPath === null ? [8] : [])];
        const trainer = new Trainer({ ...ON_CPU, precision, maxSteps, callbacks });
        await trainer.fit(module, new Rows(), { ckptPath });
        return bytesOf(module);
      };
      const whole = await train(14, null);
      const path = join(folder, "step8.ckpt");
      const { checkpoint, close } = await loadCheckpoint(path);
      expect([...checkpoint.stateDict.tensors.values()].map(({ dtype }) => dtype)).toEqual(
        new Array(6).fill(TYPES[precision]),
      );
      const state = checkpoint.optimizerStates?.[0]?.get("state");
      const first = state instanceof PyDict ? state.get(0) : undefined;
      const momentum = first instanceof PyDict ? first.get("momentum_buffer") : undefined;
      expect(momentum instanceof StoredTensor && momentum.dtype).toBe(TYPES[precision]);
      expect(checkpoint.precision).toBeNull();
      await close();
      expect(await train(14, path)).toEqual(whole);
    });
  },
);

test.each(["16-mixed", "bf16-mixed", "16-true", "bf16-true"] as const)(
  "%s on plain tfjs is refused before anything is changed, saying which engine can",
  async (precision) => {
    const module = new Mlp({ bias: true });
    const before = await bytesOf(module);
    const trainer = new Trainer({ ...ON_CPU, engine: "tfjs", precision, maxSteps: 1, enableCheckpointing: false });
    await expect(trainer.fit(module, new Rows())).rejects.toMatchObject({
      code: "engine.unsupported",
      message: expect.stringContaining(`trainer.precision ${precision} needs`) as string,
      hint: expect.stringContaining("--engine onnxruntime") as string,
    });
    expect(await bytesOf(module)).toEqual(before);
  },
);
