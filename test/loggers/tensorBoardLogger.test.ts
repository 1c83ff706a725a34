import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { JSONLinesLogger } from "../../src/loggers/jsonLinesLogger.js";
import { flatHparams } from "../../src/loggers/flatHparams.js";
import { TensorBoardLogger } from "../../src/loggers/tensorBoardLogger.js";

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "ltrain-loggers-"));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

const EVENT_FILE = /^events\.out\.tfevents\.\d{10}\.[^.].*\.\d+\.\d+$/;

test("a TensorBoardLogger's folders are Lightning's: save_dir/name/version_N, sub_dir below", async () => {
  const logger = new TensorBoardLogger(root, "runs", null, { subDir: "train" });
  await logger.logMetrics({ loss: 1 }, 0);
  await logger.save();
  expect(logger.logDir).toBe(join(root, "runs", "version_0", "train"));
  const files = await readdir(logger.logDir);
  expect(files.filter((name) => EVENT_FILE.test(name))).toHaveLength(1);
  // Lightning writes the file of hyperparameters also when there are none.
  expect(await readFile(join(logger.logDir, "hparams.yaml"), "utf8")).toBe("{}\n");
  expect(new TensorBoardLogger(root, "runs").version).toBe(1);
  expect(new TensorBoardLogger(root, null, "tuesday").logDir).toBe(join(root, "tuesday"));
});

test("a TensorBoardLogger that logs nothing leaves nothing", async () => {
  const logger = new TensorBoardLogger(root);
  await logger.save();
  await logger.finalize("success");
  expect(await readdir(root)).toEqual([]);
});

test("log_graph is refused: there is no graph of the module to draw", () => {
  expect(() => new TensorBoardLogger(root, "x", null, { logGraph: true })).toThrow("log_graph is not supported");
});

test("hyperparameters are flattened as Lightning flattens them", () => {
  // lightning_fabric.utilities.logger: _flatten_dict joins with "/", _sanitize_params takes str() of the rest.
  expect(flatHparams({ lr: 0.1, deep: { a: true, b: { c: null } }, list: [1, 0.5, "x"] })).toEqual({
    lr: 0.1,
    "deep/a": true,
    "deep/b/c": "None",
    list: "[1, 0.5, 'x']",
  });
});

test("metrics.jsonl holds one object per row, and text for what JSON has no word for", async () => {
  const logger = new JSONLinesLogger(root);
  await logger.logMetrics({ loss: 0.5, epoch: 0 }, 49);
  await logger.logMetrics({ loss: Number.NaN, grad: -Infinity, epoch: 0 }, 99);
  await logger.save();
  const text = await readFile(join(root, "lightning_logs/version_0/metrics.jsonl"), "utf8");
  expect(text).toBe('{"step":49,"loss":0.5,"epoch":0}\n{"step":99,"loss":"NaN","grad":"-Infinity","epoch":0}\n');
});

test("a resumed run's metrics.jsonl goes on without the rows from the resumed step on, and without half a line", async () => {
  const first = new JSONLinesLogger(root, "runs", 0);
  for (const step of [9, 19, 29]) await first.logMetrics({ loss: step }, step);
  await first.finalize();
  const { appendFile } = await import("node:fs/promises");
  await appendFile(first.metricsFile, '{"step":39,"lo');
  const second = new JSONLinesLogger(root, "runs", 0);
  await second.continueFrom(20);
  await second.logMetrics({ loss: 1 }, 29);
  await second.finalize();
  expect(await readFile(second.metricsFile, "utf8")).toBe(
    '{"step":9,"loss":9}\n{"step":19,"loss":19}\n{"step":29,"loss":1}\n',
  );
  expect(second.rowCount).toBe(3);
});

test("a run that does not go on starts its metrics.jsonl over", async () => {
  for (const loss of [1, 2]) {
    const logger = new JSONLinesLogger(root, "runs", 0, { prefix: "a" });
    await logger.logMetrics({ loss }, 0);
    await logger.finalize();
  }
  expect(await readFile(join(root, "runs/version_0/metrics.jsonl"), "utf8")).toBe('{"step":0,"a-loss":2}\n');
});
