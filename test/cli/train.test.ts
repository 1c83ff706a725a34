import { mkdtemp, readFile, realpath, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../src/cli/main.js";
import { recordingTerminal } from "../../src/io/console.js";
import { spawnLtrain } from "./spawnLtrain.js";
import { writeTinyMnist } from "./tinyMnist.js";

let folder: string;
let config: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "ltrain-train-")));
  await writeTinyMnist(join(folder, "images"), 40, 8);
  config = join(folder, "c.yaml");
  // 32 images to train on: 8 batches of 4; 8 to validate on: 2 batches
  await writeFile(
    config,
    `seed_everything: 1
model: {class_path: LitAutoEncoder, init_args: {hidden: 4, latent: 2}}
data: {class_path: MNISTDataModule, init_args: {data_dir: images, val_size: 8, batch_size: 4}}
trainer: {max_epochs: 2, default_root_dir: "${folder}", accelerator: cpu, log_every_n_steps: 3}
`,
  );
});

interface Ran {
  readonly code: number;
  readonly output: string;
  readonly messages: string;
}

async function ltrain(...args: readonly string[]): Promise<Ran> {
  const terminal = recordingTerminal();
  const code = await run(["node", "ltrain", ...args], terminal);
  return { code, output: terminal.output, messages: terminal.messages.replaceAll(`${folder}/`, "") };
}

interface Event {
  readonly event: string;
  readonly [fact: string]: unknown;
}

function eventsOf({ output }: Ran): Event[] {
  const lines = output.split("\n");
  expect(lines.pop()).toBe("");
  return lines.map((line) => JSON.parse(line) as Event);
}

test("--json tells the run in events, one object per line, and nothing else on stdout", async () => {
  const ran = await ltrain("train", "--config", config, "--json");
  expect(ran.code).toBe(0);
  const events = eventsOf(ran);
  const told = events.map(({ event, global_step: step }) => [event, step] as const);
  // A checkpoint is told when it is durable, and training has gone on meanwhile: its place among the steps is open.
  const isSaved = ([event]: readonly [unknown, unknown]): boolean => event === "checkpoint";
  expect(told.filter(isSaved)).toEqual([
    ["checkpoint", 8],
    ["checkpoint", 16],
  ]);
  expect(told.findIndex(isSaved)).toBeGreaterThan(told.findIndex(([event]) => event === "validation"));
  // 8 steps an epoch, a row every third: 3, 6 | 9, 12, 15
  expect(told.filter((one) => !isSaved(one))).toEqual([
    ["fit_start", 0],
    ["step", 3],
    ["step", 6],
    ["validation", 8],
    ["step", 9],
    ["step", 12],
    ["step", 15],
    ["validation", 16],
    ["fit_end", 16],
  ]);
  const logDir = join(folder, "lightning_logs", "version_0");
  expect(events[0]).toMatchObject({ run_dir: logDir, engine: "onnxruntime", device: "cpu", model: "LitAutoEncoder" });
  expect(events[0]).toMatchObject({ max_epochs: 2, max_steps: -1, train_batches: 8, val_batches: 2, ckpt_path: null });
  expect(events[1]).toMatchObject({ epoch: 0, batch: 2, lr: 0.001, loss: expect.any(Number) as number });
  expect(events[3]).toMatchObject({ epoch: 0, metrics: { val_loss: expect.any(Number) as number } });
  const last = join(logDir, "checkpoints", "epoch=1-step=16.ckpt");
  expect(events.at(-2)).toMatchObject({ path: last, epoch: 1 });
  expect(events.at(-1)).toMatchObject({
    epochs: 2,
    steps_per_second: null, // measured after the first 50 steps
    time_shares: null,
    stop_reason: "max_epochs=2 reached",
    best_model_path: last,
    last_checkpoint_path: last,
  });
  expect(ran.messages).not.toContain("it/s");
});

test("a run says where it writes and what it runs on, and ends with its files and the commands that go on", async () => {
  const { code, output, messages } = await ltrain(
    "train",
    "--config",
    config,
    "--trainer.enable_model_summary",
    "false",
  );
  expect([code, output]).toEqual([0, ""]);
  expect(messages).toContain("run      lightning_logs/version_0\nengine   onnxruntime on cpu\n");
  const last = "lightning_logs/version_0/checkpoints/epoch=1-step=16.ckpt";
  expect(messages).toMatch(/done {5}2 epochs, 16 steps in \d+\.\d s \(max_epochs=2 reached\)\n/);
  expect(messages).toContain(
    `best     ${last}\nresume   ltrain resume ${last} --trainer.max_epochs 4\ninspect  ltrain inspect ${last}\n`,
  );
});

test("--quiet says nothing", async () => {
  expect(await ltrain("train", "--config", config, "--quiet")).toEqual({ code: 0, output: "", messages: "" });
});

test("the resolved config is kept beside the logs, and loads again", async () => {
  await ltrain("train", "--config", config, "--quiet", "--trainer.max_epochs", "1", "--seed-everything", "true");
  const kept = join(folder, "lightning_logs", "version_0", "config.yaml");
  expect(await readFile(kept, "utf8")).toMatch(/^seed_everything: \d+\n/); // the one that was drawn
  const again = await ltrain("train", "--config", kept, "--print-config");
  expect(again.output).toBe(await readFile(kept, "utf8"));
});

test("the same seed gives the same run", async () => {
  const first = eventsOf(await ltrain("train", "--config", config, "--json"));
  const second = eventsOf(await ltrain("train", "--config", config, "--json"));
  const losses = (events: readonly Event[]): unknown[] =>
    events.filter(({ loss }) => loss !== undefined).map(({ loss }) => loss);
  expect(losses(second)).toEqual(losses(first));
});

test("an optimizer in the config takes the place of the module's own", async () => {
  const ran = await ltrain("train", "--config", config, "--json", "--optimizer", "SGD", "--optimizer.lr", "0.25");
  expect(eventsOf(ran)[1]).toMatchObject({ event: "step", lr: 0.25 });
});

test("options of the command stand for keys of the config", async () => {
  const ran = await ltrain("train", "--config", config, "--print-config", "--engine", "tfjs", "--accelerator", "cpu");
  expect(ran.output).toContain("  accelerator: cpu\n  engine: tfjs\n");
  const wrong = await ltrain("train", "--config", config, "--accelerator", "gppu");
  expect([wrong.code, wrong.messages]).toEqual([
    2,
    'error: --accelerator gppu: trainer.accelerator: expected one of auto, cpu, gpu, found "gppu"\n',
  ]);
});

test("missing data and a missing config are told with what was looked for", async () => {
  const noData = await ltrain("train", "--config", config, "--data.data_dir", join(folder, "nowhere"));
  expect(noData.code).toBe(4);
  expect(noData.messages).toContain("error: ");
  expect(noData.messages).toContain("nowhere");
  const noConfig = await ltrain("train", "--config", join(folder, "d.yaml"));
  expect([noConfig.code, noConfig.messages]).toEqual([
    4,
    "error: there is no config d.yaml\nhint:  did you mean c.yaml?\n",
  ]);
  expect(await ltrain("train")).toMatchObject({ code: 2 });
});

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)(
  "%s ends the run after the batch under way with a checkpoint, and exits with %d",
  async (signal, code) => {
    let isSent = false;
    const finished = await spawnLtrain(
      folder,
      ["train", "--config", config, "--json", "--trainer.max_epochs", "-1", "--trainer.log_every_n_steps", "1"],
      (text, kill) => {
        if (!isSent && text.includes('"global_step":20,')) kill(signal);
        isSent ||= text.includes('"global_step":20,');
      },
    );
    expect(finished.code).toBe(code);
    expect(finished.stderr).toContain(`${signal}: ending after this batch; once more to end at once\n`);
    const events = finished.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Event);
    const end = events.at(-1);
    expect(end).toMatchObject({ event: "fit_end", stop_reason: signal });
    const saved = events.findLast(({ event }) => event === "checkpoint");
    expect(saved?.["global_step"]).toBe(end?.["global_step"]);
  },
  60_000,
);

test("a run that is ended by Ctrl-C in mid-epoch and resumed leaves the metrics of an unbroken run", async () => {
  const overrides = ["--trainer.max_epochs", "60", "--trainer.enable_model_summary", "false"];
  let isSent = false;
  const finished = await spawnLtrain(folder, ["train", "--config", config, "--json", ...overrides], (text, kill) => {
    if (!isSent && text.includes('"event":"step"')) kill("SIGINT");
    isSent ||= text.includes('"event":"step"');
  });
  expect(finished.code).toBe(130);
  const interrupted = join(folder, "lightning_logs", "version_0");
  expect((await ltrain("resume", interrupted)).code).toBe(0);
  expect((await ltrain("train", "--config", config, ...overrides)).code).toBe(0);
  const unbroken = join(folder, "lightning_logs", "version_1");
  const metricsOf = (run: string): Promise<string> => readFile(join(run, "metrics.csv"), "utf8");
  expect(await metricsOf(interrupted)).toBe(await metricsOf(unbroken));
}, 60_000);

test("a second signal exits at once", async () => {
  let sent = 0;
  const finished = await spawnLtrain(
    folder,
    ["train", "--config", config, "--trainer.max_epochs", "-1"],
    (text, kill) => {
      if (sent === 0 && text.includes("engine")) {
        sent = 1;
        kill("SIGINT");
        kill("SIGTERM");
      }
    },
  );
  expect([130, 143]).toContain(finished.code);
  expect(finished.stderr).not.toContain("stopped");
}, 60_000);

test("--dump-graph writes every graph that was compiled, and on an engine without graphs that is told", async () => {
  const path = join(folder, "graphs.txt");
  expect((await ltrain("train", "--config", config, "--dump-graph", path, "--quiet")).code).toBe(0);
  const text = await readFile(path, "utf8");
  expect(text.match(/^# .*$/gm)).toEqual([
    expect.stringMatching(/^# validationStep: \d+ operators$/),
    expect.stringMatching(/^# trainingStep: \d+ operators$/),
  ]);
  expect(text).toMatch(/^input {2}input\.batch\.0: %\d+ float32\[4,784\]$/m);
  expect(text).toMatch(/^%\d+ float32\[4,4\] = Gemm\(.*\) {2}# BatchMatMul$/m);
  expect(text).toMatch(/^output output\.loss: %\d+ float32\[\]$/m);

  const eager = await ltrain("train", "--config", config, "--dump-graph", join(folder, "none.txt"), "--engine", "tfjs");
  expect(eager.messages).toContain("warning: there is no graph to dump");
  await expect(readFile(join(folder, "none.txt"))).rejects.toThrow("ENOENT");
});

test("accumulation and clipping are options of the config and of the command line", async () => {
  const words = ["--trainer.accumulate_grad_batches", "3", "--trainer.gradient_clip_val", "0.5"];
  const ran = await ltrain(
    "train",
    "--config",
    config,
    ...words,
    "--trainer.gradient_clip_algorithm",
    "value",
    "--json",
  );
  // Eight batches an epoch are two full windows and a partial one.
  expect(eventsOf(ran).at(-1)).toMatchObject({ event: "fit_end", global_step: 6 });
  const wrong = await ltrain("train", "--config", config, "--trainer.gradient_clip_algorithm", "median");
  expect(wrong.code).toBe(2);
  expect(wrong.messages).toContain("trainer.gradient_clip_algorithm");
});
