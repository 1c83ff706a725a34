import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, readdir, realpath, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { spawnLtrain } from "../cli/spawnLtrain.js";

// A user's own datasets in workers, in processes of their own: each worker imports the user's file by itself.

const DATA = `
import { DataLoader, defaultGenerator, float32Tensor, LightningDataModule, type HostTensor } from "ltrain";

/** As torch.rand(()) for every item: a random transform. */
export class Noise {
  constructor(readonly length: number) {}
  getItem(): number { return defaultGenerator.float32(); }
  toWorker() { return { module: import.meta.url, name: "Noise", args: [this.length] }; }
}
export class Rows {
  readonly #bad: number;
  readonly length = 40;
  constructor(args: { bad: number }) { this.#bad = args.bad; }
  async getItem(index: number): Promise<readonly HostTensor[]> {
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (index === this.#bad) throw new RangeError("item " + index + " is rotten");
    if (index === -this.#bad) process.exit(3);
    const x = float32Tensor(Float32Array.from({ length: 784 }, (_, i) => Math.sin(i + index)), [784]);
    return [x, x];
  }
  toWorker() { return { module: import.meta.url, name: "Rows", args: [{ bad: this.#bad }] }; }
}
export class Data extends LightningDataModule {
  readonly #args: { bad: number; num_workers: number };
  constructor(args: { bad: number; num_workers: number }) { super(); this.#args = args; }
  trainDataloader(): DataLoader {
    return new DataLoader(new Rows(this.#args), { batchSize: 4, shuffle: true, numWorkers: this.#args.num_workers });
  }
}
`;
const LTRAIN = fileURLToPath(new URL("../../dist/index.js", import.meta.url));
const USER_FILE = fileURLToPath(new URL("../../dist/io/userFile.js", import.meta.url));
/** Ends well before a process that hangs would be noticed. */
const PATIENCE_MS = 120_000;

let folder: string;
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "ltrain-data-")));
  await writeFile(join(folder, "data.ts"), DATA);
});

const PRELUDE = `
const { DataLoader, seedEverything } = await import(${JSON.stringify(LTRAIN)});
const { importUserFile } = await import(${JSON.stringify(USER_FILE)});
const { Noise, Rows } = await importUserFile("data.ts");
const drain = async (iterator, n = Infinity) => {
  const seen = [];
  for (let next; seen.length < n && !(next = await iterator.next()).done; ) {
    const { bytes } = Array.isArray(next.value) ? next.value[0] : next.value;
    seen.push([...new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)]);
  }
  return seen;
};
const tell = (value) => console.log(JSON.stringify(value));
`;

/** Run a script that has the user's classes; what it tells, line by line, and how it ended. */
function run(code: string): { readonly told: unknown[]; readonly status: number | null; readonly stderr: string } {
  const args = [
    "--input-type=module",
    "-e",
    PRELUDE.replace('"data.ts"', JSON.stringify(join(folder, "data.ts"))) + code,
  ];
  const { stdout, status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", timeout: PATIENCE_MS });
  const told = stdout.split("\n").filter((line) => line.startsWith("[") || line.startsWith("{"));
  return { told: told.map((line): unknown => JSON.parse(line)), status, stderr };
}

const config = (bad: number, workers: number): string[] => [
  ...["train", "--model", "LitAutoEncoder", "--model.hidden", "4", "--data", "./data.ts:Data"],
  ...["--data.bad", String(bad), "--data.num_workers", String(workers), "--seed-everything", "42"],
  ...["--trainer.max_epochs", "2", "--trainer.log_every_n_steps", "1", "--accelerator", "cpu", "--json"],
];

test("random transforms in two workers draw the numbers that torch's workers draw", () => {
  // torch 2.13: a Dataset of 6 items, each torch.rand(()), after manual_seed(42): DataLoader(batch_size=2, num_workers=2), twice.
  const { told, stderr } = run(`
    seedEverything(42);
    const loader = new DataLoader(new Noise(6), { batchSize: 2, numWorkers: 2 });
    tell(await drain(loader.iterate()));
    tell(await drain(loader.iterate()));
  `);
  expect([told, stderr]).toEqual([TORCH_RAND, ""]);
});

const TORCH_RAND = [
  [
    [0.2458815574645996, 0.716747522354126],
    [0.14417147636413574, 0.4532977342605591],
    [0.9121302366256714, 0.3616752624511719],
  ],
  [
    [0.8771228790283203, 0.2477152943611145],
    [0.9057381749153137, 0.15518206357955933],
    [0.19296592473983765, 0.34900277853012085],
  ],
];

test("resumed in mid-pass they go on with the numbers that were left, and with another number of workers they are refused", () => {
  const { told, stderr } = run(`
    seedEverything(1);
    const loader = new DataLoader(new Noise(20), { batchSize: 2, numWorkers: 2, persistentWorkers: true });
    const iterator = loader.iterate();
    await drain(iterator, 5);
    const states = [iterator.state(4), iterator.state()];
    tell(await drain(iterator));
    seedEverything(2);
    tell((await drain(loader.iterate(states[0]))).slice(1));
    tell(await drain(loader.iterate(states[1])));
    try { new DataLoader(new Noise(20), { batchSize: 2, numWorkers: 3 }).iterate(states[1]); }
    catch ({ code, message }) { tell({ code, message }); }
  `);
  expect(stderr).toBe("");
  expect(told[1]).toEqual(told[0]);
  expect(told[2]).toEqual(told[0]);
  expect((told[0] as unknown[]).length).toBe(5);
  expect(told[3]).toEqual({
    code: "checkpoint.mismatch",
    message:
      "the checkpoint stands in a pass whose 2 workers drew random numbers; here num_workers is 3, and they would draw others",
  });
});

test("a script that stops asking ends, and its workers with it", () => {
  const { told, status, stderr } = run(`
    tell((await drain(new DataLoader(new Noise(1000), { batchSize: 2, numWorkers: 2 }).iterate(), 1)).map((b) => b.length));
  `);
  expect([told, status, stderr]).toEqual([[[2]], 0, ""]);
});

test("a worker that dies is told with its number, and ends nothing but the pass", () => {
  const { told, status } = run(`
    const iterator = new DataLoader(new Rows({ bad: -6 }), { batchSize: 4, numWorkers: 2 }).iterate();
    tell((await drain(iterator, 1)).map((b) => b.length));
    try { await iterator.next(); } catch ({ code, message }) { tell({ code, message }); }
  `);
  expect(told).toEqual([
    [4 * 784],
    { code: "user.failed", message: "data worker 1 of 2 is gone: it ended with code 3" },
  ]);
  expect(status).toBe(0);
});

test("a training on one's own dataset has the same losses with workers and without", async () => {
  const losses = async (workers: number): Promise<unknown[]> => {
    const { stdout, stderr, code } = await spawnLtrain(folder, config(-1000, workers));
    expect([code, stderr.includes("error")]).toEqual([0, false]);
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { event: string; loss?: number });
    return events.filter(({ event }) => event === "step").map(({ loss }) => loss);
  };
  const plain = await losses(0);
  expect(plain.length).toBe(20);
  expect(await losses(2)).toEqual(plain);
});

test("what is thrown in a worker ends the training with the batch and the user's line, at once", async () => {
  const { code, stderr } = await spawnLtrain(folder, config(7, 2));
  const { error } = JSON.parse(stderr.trim().split("\n").at(-1) ?? "") as { error: Record<string, string> };
  expect(error["message"]).toMatch(/^the training data in epoch 0, batch \d+ failed: item 7 is rotten$/);
  const line = DATA.split("\n").findIndex((text) => text.includes("is rotten")) + 1;
  expect([error["code"], error["hint"], code]).toEqual(["user.failed", `thrown at data.ts:${line}`, 1]);
});

test("Ctrl-C ends a training with workers, its checkpoint written and no thread left", async () => {
  let isSent = false;
  const args = [...config(-1000, 2), "--trainer.max_epochs", "100000", "--trainer.default_root_dir", "stopped"];
  const { code } = await spawnLtrain(folder, args, (text, kill) => {
    if (isSent || !text.includes('"event":"step"')) return;
    isSent = true;
    kill("SIGINT");
  });
  expect(code).toBe(130);
  const files = await readdir(join(folder, "stopped", "lightning_logs", "version_0", "checkpoints"));
  expect(files.filter((file) => file.endsWith(".ckpt")).length).toBe(1);
});

test("a process that is killed in the middle leaves no process behind", async () => {
  const code = `${PRELUDE.replace('"data.ts"', JSON.stringify(join(folder, "data.ts")))}
    const iterator = new DataLoader(new Noise(100000), { batchSize: 2, numWorkers: 2 }).iterate();
    await iterator.next();
    tell([process.pid]);
    for (;;) await iterator.next();`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) =>
    child.on("close", (_, signal) => {
      resolve(signal);
    }),
  );
  child.stdout.on("data", () => child.kill("SIGTERM"));
  expect(await ended).toBe("SIGTERM");
});
