import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CSVLogger } from "../../src/loggers/csvLogger.js";

interface Call {
  readonly step: number;
  readonly metrics: Record<string, number | string>;
}
const truth = JSON.parse(readFileSync(new URL("../fixtures/loggers/csvLogger.json", import.meta.url), "utf8")) as {
  readonly metrics: Record<string, { readonly calls: readonly Call[]; readonly csv: string }>;
};

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "ltrain-csv-"));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

const read = (path: string): Promise<string> => readFile(path, "utf8");
const toNumber = (value: number | string): number =>
  typeof value === "number" ? value : value === "inf" ? Infinity : value === "-inf" ? -Infinity : Number(value);

test.each(Object.keys(truth.metrics))("metrics.csv is byte for byte Lightning's: %s", async (name) => {
  const { calls, csv } = truth.metrics[name] ?? { calls: [], csv: "" };
  const logger = new CSVLogger(root);
  for (const { metrics, step } of calls) {
    const numbers = Object.entries(metrics).map(([key, value]) => [key, toNumber(value)] as const);
    await logger.logMetrics(Object.fromEntries(numbers), step);
  }
  await logger.finalize();
  expect(await read(join(root, "lightning_logs/version_0/metrics.csv"))).toBe(csv);
});

test("the version is one more than the largest that is there, and gaps are not filled", async () => {
  for (const name of ["version_0", "version_7", "version_x", "other_9"]) {
    await mkdir(join(root, "lightning_logs", name), { recursive: true });
  }
  await writeFile(join(root, "lightning_logs/version_12"), "a file is no version");
  const logger = new CSVLogger(root);
  expect(logger.version).toBe(8);
  expect(logger.logDir).toBe(join(root, "lightning_logs/version_8"));
});

test("a version given as text is the folder's name", () => {
  expect(new CSVLogger(root, "runs", "tuesday").logDir).toBe(join(root, "runs/tuesday"));
});

test("without hyperparameters and metrics nothing is written", async () => {
  const logger = new CSVLogger(root);
  await logger.logHyperparams({});
  await logger.finalize();
  await expect(read(join(logger.logDir, "hparams.yaml"))).rejects.toThrow("ENOENT");
  await expect(read(logger.metricsFile)).rejects.toThrow("ENOENT");
});

test("hyperparameters of the module and of the data module end in one sorted file", async () => {
  const logger = new CSVLogger(root);
  await logger.logHyperparams({ lr: 0.001, hidden: 64 });
  await logger.logHyperparams({ batch_size: 32 });
  expect(await read(join(logger.logDir, "hparams.yaml"))).toBe("batch_size: 32\nhidden: 64\nlr: 0.001\n");
});

test("rows wait until the step count asks for them or somebody saves", async () => {
  const logger = new CSVLogger(root, "lightning_logs", null, { flushLogsEveryNSteps: 10 });
  await logger.logMetrics({ loss: 1, epoch: 0 }, 0);
  await expect(read(logger.metricsFile)).rejects.toThrow("ENOENT");
  await logger.logMetrics({ loss: 0.5, epoch: 0 }, 9);
  expect(await read(logger.metricsFile)).toBe("epoch,loss,step\r\n0,1.0,0\r\n0,0.5,9\r\n");
  await logger.logMetrics({ loss: 0.25, epoch: 0 }, 10);
  await logger.save();
  expect(await read(logger.metricsFile)).toBe("epoch,loss,step\r\n0,1.0,0\r\n0,0.5,9\r\n0,0.25,10\r\n");
});

test("a run into a folder that was used before starts its metrics over", async () => {
  const first = new CSVLogger(root, "lightning_logs", 3);
  await first.logMetrics({ loss: 1, epoch: 0 }, 0);
  await first.finalize();
  const second = new CSVLogger(root, "lightning_logs", 3);
  await second.logMetrics({ acc: 0.5, epoch: 0 }, 1);
  await second.finalize();
  expect(await read(second.metricsFile)).toBe("acc,epoch,step\r\n0.5,0,1\r\n");
});

test("a resumed run goes on with its metrics and drops the rows that will be trained again", async () => {
  const first = new CSVLogger(root, "lightning_logs", 0);
  for (const step of [0, 1, 2, 3]) await first.logMetrics({ loss: step / 4, epoch: 0 }, step);
  await first.finalize();
  const second = new CSVLogger(root, "lightning_logs", 0);
  await second.logHyperparams({ lr: 0.1 }); // a trainer may log these before it knows that it resumes
  await second.continueFrom(2); // two optimizer steps were taken: rows of step 0 and 1 are past
  await second.logMetrics({ loss: 0.75, epoch: 0 }, 2);
  await second.logMetrics({ acc: 0.5, epoch: 0 }, 2);
  await second.finalize();
  expect(await read(second.metricsFile)).toBe(
    "acc,epoch,loss,step\r\n,0,0.0,0\r\n,0,0.25,1\r\n,0,0.75,2\r\n0.5,0,,2\r\n",
  );
});

test("a last row that a crash cut short is left out on resume", async () => {
  await mkdir(join(root, "lightning_logs/version_0"), { recursive: true });
  await writeFile(join(root, "lightning_logs/version_0/metrics.csv"), "epoch,loss,step\r\n0,0.5,0\r\n0,0.2");
  const logger = new CSVLogger(root, "lightning_logs", 0);
  await logger.continueFrom(5);
  await logger.logMetrics({ loss: 0.25, epoch: 0 }, 5);
  await logger.finalize();
  expect(await read(logger.metricsFile)).toBe("epoch,loss,step\r\n0,0.5,0\r\n0,0.25,5\r\n");
});

test("resuming without an earlier metrics.csv begins one", async () => {
  const logger = new CSVLogger(root);
  await logger.continueFrom(100);
  await logger.logMetrics({ loss: 0.25, epoch: 1 }, 100);
  await logger.finalize();
  expect(await read(logger.metricsFile)).toBe("epoch,loss,step\r\n1,0.25,100\r\n");
});

test("a prefix stands before every metric but not before the step", async () => {
  const logger = new CSVLogger(root, null, "x", { prefix: "run" });
  await logger.logMetrics({ loss: 0.5 }, 3);
  await logger.finalize();
  expect(await read(join(root, "x/metrics.csv"))).toBe("run-loss,step\r\n0.5,3\r\n");
});
