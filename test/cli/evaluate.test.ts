import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, readdir, realpath, rename, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { deflateSync, crc32 } from "node:zlib";
import { run } from "../../src/cli/main.js";
import { recordingTerminal } from "../../src/io/console.js";
import { spawnLtrain } from "./spawnLtrain.js";
import { writeTinyMnist } from "./tinyMnist.js";

let folder: string;
let config: string;
let run0: string;

/** 8 batches of 4 to train on, 2 to validate on, 3 (of 4, 4 and 2) to test and predict on. */
async function trainTiny(
  model = "{class_path: LitClassifier, init_args: {hidden: 4}}",
  command = ltrain,
): Promise<void> {
  await writeTinyMnist(join(folder, "images"), 40, 10);
  await writeFile(
    config,
    `seed_everything: 1
model: ${model}
data: {class_path: MNISTDataModule, init_args: {data_dir: images, val_size: 8, batch_size: 4}}
trainer:
  max_epochs: 2
  default_root_dir: "${folder}/runs"
  accelerator: cpu
  callbacks: [{class_path: ModelCheckpoint, init_args: {monitor: val_loss, save_top_k: -1}}]
`,
  );
  const { code, messages } = await command("train", "--config", config, "--quiet");
  expect([code, messages]).toEqual([0, ""]);
}

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

/** The same as a process of its own, for modules of the user's: they extend the ltrain that is built. */
async function spawned(...args: readonly string[]): Promise<Ran> {
  const { code, stdout, stderr } = await spawnLtrain(folder, args);
  return { code: code ?? -1, output: stdout, messages: stderr };
}

/** The rows of a table on stdout, as a name and a number each. */
function metricsOf(output: string): Record<string, number> {
  const [, ...rows] = output.trim().split("\n");
  return Object.fromEntries(
    rows.map((row) => row.trim().split(/\s+/)).map(([name = "", value]) => [name, Number(value)]),
  );
}

/** The lines of a CSV file of numbers below its header. */
function tableOf(text: string): { readonly head: string[]; readonly rows: string[][] } {
  const [head = [], ...rows] = text
    .trim()
    .split("\n")
    .map((line) => line.split(","));
  return { head, rows };
}

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "ltrain-evaluate-")));
  config = join(folder, "c.yaml");
  run0 = join(folder, "runs", "lightning_logs", "version_0");
});

describe("validate and test", () => {
  test("print what the run itself found in its last validation, and log it in a version of their own", async () => {
    await trainTiny();
    const [header = "", ...lines] = (await readFile(join(run0, "metrics.csv"), "utf8")).trim().split("\r\n");
    const last = lines
      .map((line) => line.split(","))
      .findLast((cells) => cells[header.split(",").indexOf("val_loss")] !== "");
    const logged = Object.fromEntries(header.split(",").map((name, i) => [name, Number(last?.[i])]));
    const { code, output, messages } = await ltrain("validate", run0);
    expect(code).toBe(0);
    expect(
      output
        .split("\n")[0]
        ?.trim()
        .split(/\s{2,}/),
    ).toEqual(["validate metric", "value"]);
    const metrics = metricsOf(output);
    expect(Object.keys(metrics)).toEqual(["val_acc", "val_loss"]);
    expect(metrics).toEqual({ val_acc: logged["val_acc"], val_loss: logged["val_loss"] });
    expect(messages).toContain("from     runs/lightning_logs/version_0/checkpoints/epoch=1-step=16.ckpt (step 16)\n");
    expect(messages).toContain("engine   onnxruntime on cpu\n");
    expect(messages).toContain("logged   runs/lightning_logs/version_1\n");
    const rows = (await readFile(join(folder, "runs", "lightning_logs", "version_1", "metrics.csv"), "utf8")).trim();
    expect(rows.split("\r\n")[0]).toBe("epoch,step,val_acc,val_loss");
    expect(rows.split("\r\n")).toHaveLength(2);
  });

  test("take the best checkpoint of a run by name, also when the run has been moved", async () => {
    await trainTiny();
    const named = await ltrain("test", run0, "--ckpt-path", "best", "--json");
    expect(named.code).toBe(0);
    const best = /using (\S+) \(the best\)/.exec(named.messages)?.[1] ?? "";
    const { results } = JSON.parse(named.output) as { results: Record<string, number>[] };
    expect(Object.keys(results[0] ?? {})).toEqual(["test_loss", "test_acc"]);
    const moved = join(folder, "moved");
    await rename(run0, moved);
    const again = await ltrain("test", moved, "--ckpt-path", "best", "--json");
    expect(again.messages).toContain(`using moved/checkpoints/${best.split("/").at(-1) ?? ""} (the best)\n`);
    expect((JSON.parse(again.output) as { results: unknown }).results).toEqual(results);
  });

  test("--json is one event, and the trainer's options can be overridden", async () => {
    await trainTiny();
    const { code, output } = await ltrain("validate", run0, "--json", "--trainer.limit_val_batches", "1");
    expect(code).toBe(0);
    expect(JSON.parse(output)).toEqual({
      event: "validate_end",
      schema_version: 1,
      ckpt_path: join(run0, "checkpoints", "epoch=1-step=16.ckpt"),
      batches: 1,
      seconds: expect.any(Number) as unknown,
      results: [{ val_loss: expect.any(Number) as unknown, val_acc: expect.any(Number) as unknown }],
    });
  });

  test("a config without a checkpoint is evaluated as the seed makes it, which is said", async () => {
    await trainTiny();
    const { code, messages } = await ltrain("validate", "--config", config);
    expect(code).toBe(0);
    expect(messages).toContain("from     the weights as the seed gives them\n");
    const given = await ltrain(
      "validate",
      "--config",
      config,
      "--ckpt-path",
      join(run0, "checkpoints", "epoch=1-step=16.ckpt"),
    );
    expect(given.messages).toContain("epoch=1-step=16.ckpt (step 16)\n");
  });

  test.each([
    [["validate", "a.ckpt", "b.ckpt"], 2, "validate takes one checkpoint or folder, and got a.ckpt, b.ckpt"],
    [["test", "a.ckpt", "--ckpt-path", "b.ckpt"], 2, "test of two checkpoints, a.ckpt and --ckpt-path b.ckpt"],
    [["predict", "--outptu", "x.csv"], 2, "unknown option --outptu"],
    [["predict", "nowhere.ckpt"], 4, "nowhere.ckpt"],
  ] as const)("%j is refused", async (args, code, message) => {
    const ran = await ltrain(...args);
    expect(ran.code).toBe(code);
    expect(ran.messages).toContain(message);
  });
});

describe("predict", () => {
  test("writes csv, jsonl and npy of the same numbers, a row for each example of the last batch, too", async () => {
    await trainTiny();
    const paths = ["csv", "jsonl", "npy"].map((extension) => join(folder, `out.${extension}`));
    for (const path of paths) expect((await ltrain("predict", run0, "-o", path, "--quiet")).code).toBe(0);
    const [csv = "", jsonl = ""] = await Promise.all(paths.map((path) => readFile(path, "utf8")));
    const { head, rows } = tableOf(csv);
    expect(head).toEqual(Array.from({ length: 10 }, (_, i) => `prediction.${i}`));
    expect(rows).toHaveLength(10);
    const objects = jsonl
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { prediction: number[] });
    expect(objects.map(({ prediction }) => prediction.map(String))).toEqual(rows);
    const npy = await readFile(paths[2] ?? "");
    const headerLength = 10 + npy.readUInt16LE(8);
    expect(npy.toString("latin1", 10, headerLength).trim()).toBe(
      "{'descr': '<f4', 'fortran_order': False, 'shape': (10, 10), }",
    );
    const values = Array.from({ length: 100 }, (_, i) => npy.readFloatLE(headerLength + 4 * i));
    expect(rows.flat().map((cell) => Math.fround(Number(cell)))).toEqual(values);
    expect(npy.byteLength).toBe(headerLength + 400);
  });

  test("without -o it is jsonl on stdout, and opens no folder", async () => {
    await trainTiny();
    const { code, output, messages } = await ltrain("predict", run0);
    expect(code).toBe(0);
    expect(output.trim().split("\n")).toHaveLength(10);
    expect(messages).toContain("predicting: 3/3");
    expect(messages).toMatch(/done {5}10 rows in \d+\.\d s\n$/);
    expect(await readdir(join(folder, "runs", "lightning_logs"))).toEqual(["version_0"]);
  });

  test("a file that is there is not replaced, unless it is to be; a failure leaves it as it was, and no other", async () => {
    await trainTiny();
    const path = join(folder, "out.csv");
    await writeFile(path, "mine");
    const refused = await ltrain("predict", run0, "-o", path);
    expect([refused.code, refused.messages]).toEqual([5, expect.stringContaining("out.csv exists already") as unknown]);
    const before = await readdir(folder);
    const failed = await ltrain("predict", run0, "-o", path, "--force", "--key", "logits");
    expect(failed.code).toBe(4);
    expect(failed.messages).toContain('predictStep gives no "logits"; it gives prediction\n');
    expect(await readFile(path, "utf8")).toBe("mine");
    expect(await readdir(folder)).toEqual(before);
    expect((await ltrain("predict", run0, "-o", path, "--force", "--quiet")).code).toBe(0);
    expect(tableOf(await readFile(path, "utf8")).rows).toHaveLength(10);
  });

  test("a module of one's own may give several outputs: columns, fields, or one of them as an array", async () => {
    await writeFile(
      join(folder, "net.ts"),
      `import { LitClassifier, tf, type Tensor } from "ltrain";
export class Net extends LitClassifier {
  override predictStep([x]: [Tensor]) {
    const logits = this.forward(x);
    return { label: tf.argMax(logits, -1), parts: [tf.max(logits, -1), { sure: tf.greater(tf.max(logits, -1), 1e9) }] };
  }
}
`,
    );
    await trainTiny("{class_path: ./net.ts:Net, init_args: {hidden: 4}}", spawned);
    const csv = await spawned("predict", run0, "-o", "-", "--format", "csv", "--quiet");
    const { head, rows } = tableOf(csv.output);
    expect(head).toEqual(["label", "parts.0", "parts.1.sure"]);
    expect(rows).toHaveLength(10);
    const json = await spawned("predict", run0, "--quiet");
    const [first = ""] = json.output.split("\n");
    const [label, score] = (rows[0] ?? []).map(Number);
    expect(JSON.parse(first)).toEqual({ label, parts: [score, { sure: false }] });
    const npy = await spawned("predict", run0, "-o", join(folder, "all.npy"));
    expect(npy.code).toBe(5);
    expect(npy.messages).toContain(
      "an .npy file holds one array, and predictStep gives label, parts.0, parts.1.sure\n",
    );
    expect(npy.messages).toContain("hint:  choose one, such as --key label, or write .jsonl or .csv\n");
    expect((await spawned("predict", run0, "-o", join(folder, "label.npy"), "--key", "label", "--quiet")).code).toBe(0);
    const array = await readFile(join(folder, "label.npy"));
    expect(array.toString("latin1", 10, 128).trim()).toBe("{'descr': '<i4', 'fortran_order': False, 'shape': (10,), }");
    expect(array.readInt32LE(128)).toBe(label);
  });

  test("what has not one row for each example is refused", async () => {
    await writeFile(
      join(folder, "net.ts"),
      `import { LitClassifier, tf, type Tensor } from "ltrain";
export class Net extends LitClassifier {
  override predictStep([x]: [Tensor]) { return { mean: tf.mean(this.forward(x)) }; }
}
`,
    );
    await trainTiny("{class_path: ./net.ts:Net, init_args: {hidden: 4}}", spawned);
    const { code, messages } = await spawned("predict", run0);
    expect(code).toBe(1);
    expect(messages).toContain('predictStep gave "mean" of shape [] for a batch of 4\n');
  });

  test("a reader that has enough ends it without a word", async () => {
    await trainTiny();
    const bin = fileURLToPath(new URL("../../bin/ltrain.js", import.meta.url));
    const command = `"${process.execPath}" "${bin}" predict "${run0}" -o - --format csv --quiet | head -n 1; exit \${PIPESTATUS[0]}`;
    const { stdout } = await promisify(execFile)("bash", ["-c", command], { cwd: folder });
    expect(tableOf(stdout)).toEqual({ head: Array.from({ length: 10 }, (_, i) => `prediction.${i}`), rows: [] });
  });

  test("Ctrl-C ends it after the batch under way, and leaves no file", async () => {
    await trainTiny();
    await writeTinyMnist(join(folder, "images"), 40, 4000);
    const path = join(folder, "out", "rows.csv");
    let sent = false;
    const ran = await spawnLtrain(folder, ["predict", run0, "-o", path, "--data.batch_size", "1"], (text, kill) => {
      if (sent || !text.includes("engine ")) return;
      sent = true;
      kill("SIGINT");
    });
    expect(ran.code).toBe(130);
    expect(ran.stderr).not.toMatch(/^$\n/m); // no empty line
    expect(ran.stderr).toMatch(/^SIGINT: ending after this batch; once more to end at once$/m);
    expect(ran.stderr).toMatch(/stopped {2}predict was stopped after \d+ of 4000 batches \(SIGINT\)\n$/);
    expect(await readdir(join(folder, "out"))).toEqual([]);
  });

  test("--json tells where the rows went, and cannot share standard output with them", async () => {
    await trainTiny();
    const path = join(folder, "out.jsonl");
    const { output } = await ltrain("predict", run0, "-o", path, "--json");
    expect(JSON.parse(output)).toMatchObject({ event: "predict_end", output: path, rows: 10 });
    expect((await ltrain("predict", run0, "--json")).code).toBe(2);
  });
});

describe("--input", () => {
  /** A grey PNG of 28 by 28: pixel p of image i as in writeTinyMnist. */
  function png(i: number): Buffer {
    const rows = Buffer.alloc(28 * 29);
    for (let p = 0; p < 784; p += 1) rows[Math.floor(p / 28) * 29 + 1 + (p % 28)] = 7 * i + 3 * p;
    const chunk = (type: string, body: Buffer): Buffer => {
      const named = Buffer.concat([Buffer.from(type), body]);
      const ends = Buffer.alloc(8);
      ends.writeUInt32BE(body.length, 0);
      ends.writeUInt32BE(crc32(named), 4);
      return Buffer.concat([ends.subarray(0, 4), named, ends.subarray(4)]);
    };
    const header = Buffer.from([0, 0, 0, 28, 0, 0, 0, 28, 8, 0, 0, 0, 0]);
    const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
    return Buffer.concat([
      signature,
      chunk("IHDR", header),
      chunk("IDAT", deflateSync(rows)),
      chunk("IEND", Buffer.alloc(0)),
    ]);
  }

  test("a folder of images gives what the same images give in the data set, and names each file", async () => {
    await trainTiny();
    const images = join(folder, "pngs");
    await mkdir(images);
    for (let i = 0; i < 10; i += 1) await writeFile(join(images, `${i}.png`), png(i));
    await writeFile(join(images, "notes.txt"), "not an image");
    const expected = tableOf((await ltrain("predict", run0, "-o", "-", "--format", "csv", "--quiet")).output);
    const { output, code } = await ltrain("predict", run0, "--input", images, "-o", "-", "--format", "csv", "--quiet");
    expect(code).toBe(0);
    const { head, rows } = tableOf(output);
    expect(head).toEqual(["file", ...expected.head]);
    expect(rows).toEqual(expected.rows.map((row, i) => [`${i}.png`, ...row]));
    const one = await ltrain("predict", run0, "--input", join(images, "3.png"), "--quiet");
    const { file, prediction } = JSON.parse(one.output) as { file: string; prediction: number[] };
    expect(file).toBe("3.png");
    // One example alone is another product of matrices: the last bits may differ.
    const third = (rows[3] ?? []).slice(1).map(Number);
    prediction.forEach((value, i) => {
      expect(value).toBeCloseTo(third[i] ?? NaN, 5);
    });
  });

  test("the rows of a CSV file are standardized as in training, without the training file, in any order of columns", async () => {
    const table = Array.from({ length: 20 }, (_, i) => [i, (i * 7) % 5, 100 - i, i % 3].join(","));
    await writeFile(join(folder, "train.csv"), `a,b,c,y\n${table.join("\n")}\n`);
    await writeFile(
      config,
      `seed_everything: 1
model: {class_path: LitClassifier, init_args: {in_features: 3, hidden: 4, num_classes: 3}}
data: {class_path: CSVDataModule, init_args: {path: train.csv, target: y, standardize: true, batch_size: 4}}
trainer: {max_epochs: 1, default_root_dir: "${folder}/runs", accelerator: cpu}
`,
    );
    expect((await ltrain("train", "--config", config, "--quiet")).code).toBe(0);
    const own = await ltrain("predict", run0, "-o", "-", "--format", "csv", "--quiet");
    await rename(join(folder, "train.csv"), join(folder, "gone.csv"));
    await writeFile(
      join(folder, "new.csv"),
      `c,a,b\n${table
        .map((row) => row.split(","))
        .map(([a, b, c]) => [c, a, b].join(","))
        .join("\n")}\n`,
    );
    const other = await ltrain(
      "predict",
      run0,
      "--input",
      join(folder, "new.csv"),
      "-o",
      "-",
      "--format",
      "csv",
      "--quiet",
    );
    expect([other.code, other.messages]).toEqual([0, ""]);
    expect(other.output).toBe(own.output);
    await writeFile(join(folder, "bad.csv"), "a,c\n1,2\n");
    const bad = await ltrain("predict", run0, "--input", join(folder, "bad.csv"));
    expect(bad.code).toBe(3);
    expect(bad.messages).toContain('bad.csv:1:1: there is no column "b"; there are a, c\n');
  });

  test("what cannot be read is named, with what can be", async () => {
    await trainTiny();
    await writeFile(join(folder, "photo.jpg"), Buffer.from([0xff, 0xd8, 0xff, 0xe0]));
    const jpeg = await ltrain("predict", run0, "--input", join(folder, "photo.jpg"));
    expect(jpeg.code).toBe(3);
    expect(jpeg.messages).toContain("photo.jpg: a damaged JPEG image: it has no frame before byte 4\n");
    const missing = await ltrain("predict", run0, "--input", join(folder, "nothing.csv"));
    expect(missing.code).toBe(4);
    const text = join(folder, "text.txt");
    await writeFile(text, "x");
    expect((await ltrain("predict", run0, "--input", text)).messages).toContain(
      "text.txt: there is no way to read .txt to predict on\n",
    );
  });
});
