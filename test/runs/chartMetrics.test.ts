import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chartMetrics } from "../../src/runs/chartMetrics.js";
import { findRuns } from "../../src/runs/findRuns.js";
import { locateRun, shortNames } from "../../src/runs/locateRun.js";
import { readMetrics } from "../../src/runs/metricTable.js";

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "ltrain-plot-"));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

async function put(path: string, text = ""): Promise<string> {
  const file = join(root, path);
  await mkdir(join(file, ".."), { recursive: true });
  await writeFile(file, text);
  return file;
}

const CSV =
  "epoch,step,train_loss,val_loss\r\n0,49,0.5,\r\n0,99,nan,\r\n0,99,,0.4\r\n1,149,inf,\r\n1,199,0.1,0.2\r\n1,24";

test("metrics.csv is read as Lightning writes it: empty cells, nan, inf, and half a row at the end", async () => {
  await put("version_0/metrics.csv", CSV);
  const table = await readMetrics(join(root, "version_0"));
  expect(table?.metrics.get("train_loss")).toEqual([
    { x: 49, y: 0.5 },
    { x: 99, y: Number.NaN },
    { x: 149, y: Infinity },
    { x: 199, y: 0.1 },
  ]);
  expect(table?.metrics.get("val_loss")).toEqual([
    { x: 99, y: 0.4 },
    { x: 199, y: 0.2 },
  ]);
  expect([table?.lastStep, table?.lastEpoch]).toEqual([199, 1]);
});

test("metrics.jsonl says the same", async () => {
  await put("a/metrics.jsonl", '{"step":0,"loss":1,"epoch":0}\n{"step":1,"loss":"NaN","name":"x","epoch":0}\n{"st');
  const table = await readMetrics(join(root, "a"));
  expect([...(table?.metrics ?? [])]).toEqual([
    [
      "loss",
      [
        { x: 0, y: 1 },
        { x: 1, y: Number.NaN },
      ],
    ],
  ]);
});

const metrics = (...names: string[]): Map<string, { x: number; y: number }[]> =>
  new Map(names.map((name) => [name, [{ x: 0, y: 1 }]]));
const all = { metrics: [], log: false, smooth: 0 };

test("of one run, metrics of one kind share a chart, the loss first and learning rates last", () => {
  const names = ["lr-Adam", "val_acc", "train_loss_step", "train_loss_epoch", "val_loss", "train_acc"];
  const charts = chartMetrics([{ name: "a", metrics: metrics(...names) }], all);
  expect(charts.map(({ title, series }) => [title, series.map(({ label }) => label)])).toEqual([
    ["loss", ["train_loss_step", "train_loss_epoch", "val_loss"]],
    ["acc", ["val_acc", "train_acc"]],
    ["learning rate", ["lr-Adam"]],
  ]);
  const colors = new Map(charts.flatMap(({ series }) => series.map(({ label, color }) => [label, color])));
  expect(colors.get("val_acc")).toBe(colors.get("val_loss"));
  expect(colors.get("train_acc")).toBe(colors.get("train_loss_step"));
  expect(colors.get("train_loss_epoch")).not.toBe(colors.get("train_loss_step"));
});

test("of several runs every metric has its own chart, with a curve per run", () => {
  const runs = ["a", "b"].map((name) => ({ name, metrics: metrics("train_loss", "val_loss") }));
  const charts = chartMetrics(runs, { ...all, metrics: ["val_*"] });
  expect(charts.map(({ title, series }) => [title, series.map(({ label }) => label)])).toEqual([
    ["val_loss", ["a", "b"]],
  ]);
});

test("a metric that is not there is answered with the nearest", () => {
  expect(() => chartMetrics([{ name: "a", metrics: metrics("val_loss") }], { ...all, metrics: ["val_los"] })).toThrow(
    'there is no metric "val_los"',
  );
});

test("runs are found below a folder, the newest first, and a path means the newest of them", async () => {
  for (const [i, name] of ["version_0", "version_1", "version_2"].entries()) {
    const file = await put(`lightning_logs/${name}/metrics.csv`, CSV);
    await utimes(file, 1000 - 100 * i, 1000 - 100 * i);
  }
  await put("node_modules/x/metrics.csv");
  await put("notes/config.yaml");
  const found = await findRuns(root);
  expect(found.map(({ path }) => path.slice(root.length + 1))).toEqual([
    "lightning_logs/version_0",
    "lightning_logs/version_1",
    "lightning_logs/version_2",
  ]);
  expect(await locateRun(root)).toBe(join(root, "lightning_logs/version_0"));
  expect(await locateRun(join(root, "lightning_logs/version_2/metrics.csv"))).toBe(
    join(root, "lightning_logs/version_2"),
  );
  await expect(locateRun(join(root, "notes"))).rejects.toThrow("there is no run under");
});

test("names of runs are as short as telling them apart allows", () => {
  expect(shortNames(["/a/x/version_0", "/a/y/version_0"])).toEqual(["x/version_0", "y/version_0"]);
  expect(shortNames(["/a/x/version_0", "/a/x/version_1"])).toEqual(["version_0", "version_1"]);
});
