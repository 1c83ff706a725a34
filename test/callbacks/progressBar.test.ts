import { ProgressBar } from "../../src/callbacks/progressBar.js";
import { durationText, metricText, progressLine } from "../../src/callbacks/progressText.js";
import { recordingTerminal } from "../../src/io/console.js";
import type { RecordingTerminal } from "../../src/io/console.js";
import { liveLineOf } from "../../src/io/liveLine.js";
import { NO_MODULE, fakeTrainer } from "./fakeTrainer.js";
import type { FakeTrainer } from "./fakeTrainer.js";

interface Stand {
  readonly bar: ProgressBar;
  readonly trainer: FakeTrainer;
  readonly terminal: RecordingTerminal;
  /** Train batches up to `end`, each taking `millis`; gives back how often the loss was wanted. */
  readonly train: (end: number, millis: number) => number;
  readonly wait: (millis: number) => void;
}

function stand(isTTY: boolean, changes: Partial<FakeTrainer> = {}, columns = 100): Stand {
  const terminal = recordingTerminal({ isTTY, columns });
  let now = 0;
  const bar = new ProgressBar({ terminal, clock: () => now });
  const trainer = fakeTrainer({ maxEpochs: 2, numTrainingBatches: 1000, batchIdx: -1, ...changes });
  return {
    bar,
    trainer,
    terminal,
    wait: (millis) => {
      now += millis;
    },
    train: (end, millis) => {
      let wanted = 0;
      while (trainer.batchIdx < end - 1) {
        now += millis;
        trainer.batchIdx += 1;
        trainer.globalStep += 1;
        trainer.isLastBatch = trainer.batchIdx + 1 === trainer.numTrainingBatches;
        const wants = bar.wantsOutputs(trainer, trainer.batchIdx);
        if (wants) wanted += 1;
        bar.onTrainBatchEnd(trainer, NO_MODULE, wants ? { loss: 0.5 } : {}, trainer.batchIdx);
      }
      return wanted;
    },
  };
}

const pictures = (terminal: RecordingTerminal): string[] =>
  terminal.messages
    .split("\r")
    .slice(1)
    .map((picture) => picture.replace("\x1b[K", ""));

test("on a terminal the line shows epoch, bar, batches, speed, time left and loss", () => {
  const { bar, trainer, terminal, train } = stand(true);
  bar.onTrainEpochStart();
  train(250, 10); // 100 batches a second, drawn every tenth: after 241, 1759 are left of two epochs, 17.6 s
  expect(pictures(terminal).at(-1)).toBe(
    "Epoch 1/2  24% ━━━━━────────────────  241/1000   100 it/s  eta 0:18   loss 0.5000  ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁",
  );
  expect(trainer.batchIdx).toBe(249);
});

test("the screen is drawn, and the loss read, at most ten times a second", () => {
  const { bar, terminal, train } = stand(true);
  bar.onTrainEpochStart();
  const wanted = train(1000, 1); // one second
  expect(wanted).toBeLessThanOrEqual(11);
  expect(pictures(terminal).length).toBeLessThanOrEqual(12); // and once more for the last batch
  expect(pictures(terminal).at(-1)).toContain("100%");
});

test("a picture never reaches the last column, however narrow the terminal", () => {
  for (const columns of [20, 40, 60, 80, 200]) {
    const { bar, trainer, terminal, train } = stand(true, {}, columns);
    trainer.progressBarMetrics.set("train_loss", 0.25).set("a_metric_with_a_long_name", 1e-7);
    bar.onTrainEpochStart();
    train(1000, 20);
    const widths = pictures(terminal).map((picture) => picture.length);
    expect(Math.max(...widths)).toBeLessThan(columns);
  }
});

test("the bar keeps its width from batch to batch", () => {
  const { bar, terminal, train } = stand(true);
  bar.onTrainEpochStart();
  train(999, 100);
  const bars = pictures(terminal).map((picture) => /[━─]+/.exec(picture)?.[0].length);
  expect(new Set(bars).size).toBe(1);
});

test("in a window of 80 columns the metrics stay whole, and what does not fit is left out", () => {
  const { bar, trainer, terminal, train } = stand(true, { numTrainingBatches: 1719, learningRates: [1e-3] }, 80);
  trainer.progressBarMetrics.set("train_loss", 0.1355).set("val_loss", 0.1543).set("val_acc", 0.9624);
  bar.onTrainEpochStart();
  train(1000, 10);
  expect(pictures(terminal).at(-1)).toMatch(
    /^Epoch 1\/2 [━─]{5,} +\d+\/1719 +100 it\/s {2}0:24 {3}train_loss 0\.1355 {2}val_loss 0\.1543$/,
  );
});

test("in a window of 200 columns there is room for learning rate, the loss so far and the step", () => {
  const { bar, trainer, terminal, train } = stand(true, { learningRates: [1e-3] }, 200);
  trainer.progressBarMetrics.set("train_loss", 0.1355).set("val_loss", 0.1543).set("val_acc", 0.9624);
  bar.onTrainEpochStart();
  train(1000, 10);
  expect(pictures(terminal).at(-1)).toMatch(
    /^Epoch 1\/2 100% ━{30} 1000\/1000 .* val_acc 0\.9624 {2}lr 0\.0010 {3}▁{16} {2}step 1000$/,
  );
});

test("where there are colours the bar has one, and the text is the same", () => {
  const progress = { title: "Epoch 1", done: 5, total: 10, rate: 3, eta: 60, metrics: [["loss", 0.5]] as const };
  const plain = progressLine(progress, { columns: 80 });
  const colored = progressLine(progress, { columns: 80, hasColor: true });
  expect(colored).toContain("\x1b[36m━");
  // eslint-disable-next-line no-control-regex -- the sequences themselves
  expect(colored.replace(/\x1b\[\d+m/g, "")).toBe(plain);
});

test("a line that is printed while the bar is shown stands above it", () => {
  const { bar, terminal, train } = stand(true);
  bar.onTrainEpochStart();
  train(20, 100);
  const before = pictures(terminal).at(-1) ?? "";
  liveLineOf(terminal.stderr).print("warning: look");
  expect(terminal.messages.endsWith(`\r\x1b[Kwarning: look\n${before}`)).toBe(true);
});

test("a logged loss is not shown twice, and other metrics stand beside it", () => {
  const { bar, trainer, terminal, train } = stand(true);
  trainer.progressBarMetrics.set("train_loss", 0.04123).set("val_loss", 0.0398);
  bar.onTrainEpochStart();
  train(100, 10);
  expect(pictures(terminal).at(-1)).toContain("train_loss 0.0412  val_loss 0.0398");
  expect(pictures(terminal).at(-1)).not.toContain(" loss 0.5");
});

test("validation and the sanity check are shown too, and their time is no part of the speed", () => {
  const { bar, trainer, terminal, train, wait } = stand(true, { numTrainingBatches: 100, numValidationBatches: 10 });
  trainer.stage = "sanityCheck";
  bar.onValidationStart();
  bar.onValidationBatchEnd(trainer);
  expect(pictures(terminal).at(-1)).toMatch(/^Sanity check {2}50% .* 1\/2$/);
  trainer.stage = "fit";
  bar.onTrainEpochStart();
  train(100, 10);
  bar.onValidationStart();
  for (let batch = 0; batch < 10; batch += 1) {
    wait(1000);
    bar.onValidationBatchEnd(trainer);
  }
  expect(pictures(terminal).at(-1)).toMatch(/^Epoch 1\/2 validating 100% .* 10\/10$/);
  bar.onValidationEnd(trainer);
  bar.onTrainEpochEnd(trainer);
  expect(pictures(terminal).at(-1)).toContain("100/100   100 it/s");
  bar.onTrainEnd();
  expect(terminal.messages.endsWith("\n")).toBe(true);
});

test("without a terminal there is a plain line every five seconds and one at the end of an epoch", () => {
  const { bar, trainer, terminal, train } = stand(false, { numTrainingBatches: 300 });
  bar.onTrainEpochStart();
  const wanted = train(300, 40); // 12 seconds
  bar.onTrainEpochEnd(trainer);
  bar.onTrainEnd();
  expect(wanted).toBe(2);
  expect(terminal.messages.split("\n")).toEqual([
    "epoch 1/2: 126/300  25.0 it/s  eta 0:19  loss 0.5000  step 126",
    "epoch 1/2: 251/300  25.0 it/s  eta 0:14  loss 0.5000  step 251",
    "epoch 1/2: 300/300  25.0 it/s  eta 0:12  loss 0.5000  step 300",
    "",
  ]);
  expect(terminal.output).toBe("");
});

test("a limit of steps shortens the time left, and without any limit there is none to tell", () => {
  const limited = stand(true, { maxEpochs: -1, maxSteps: 200 });
  limited.bar.onTrainEpochStart();
  limited.train(100, 10);
  expect(pictures(limited.terminal).at(-1)).toContain("Epoch 1   9%");
  expect(pictures(limited.terminal).at(-1)).toContain("eta 0:01");
  const endless = stand(true, { maxEpochs: -1, numTrainingBatches: Infinity });
  endless.bar.onTrainEpochStart();
  endless.train(100, 10);
  expect(pictures(endless.terminal).at(-1)).toBe("Epoch 1 91   100 it/s  loss 0.5000  ▁▁▁▁▁▁▁▁▁▁        step 91");
});

test("refresh_rate 0 shows nothing and asks for nothing", () => {
  const terminal = recordingTerminal({ isTTY: true });
  const bar = new ProgressBar({ terminal, refreshRate: 0 });
  const trainer = fakeTrainer({ isLastBatch: true });
  bar.onTrainEpochStart();
  expect(bar.wantsOutputs(trainer, 0)).toBe(false);
  bar.onTrainBatchEnd(trainer, NO_MODULE, { loss: 1 }, 0);
  bar.onValidationStart();
  bar.onValidationBatchEnd(trainer);
  bar.onValidationEnd(trainer);
  bar.onTrainEpochEnd(trainer);
  bar.onTrainEnd();
  expect(terminal.messages).toBe("");
});

test("the line is ended before an error is printed below it", () => {
  const { bar, terminal, train } = stand(true);
  bar.onTrainEpochStart();
  train(100, 10);
  bar.onException();
  expect(terminal.messages.endsWith("\n")).toBe(true);
});

test.each([
  [0.04123, "0.0412"],
  [0.5, "0.5000"],
  [1.23456, "1.2346"],
  [12.3456, "12.346"],
  [123.456, "123.46"],
  [12345.6, "12346"],
  [123456, "1.23e+5"],
  [0.00001234, "1.23e-5"],
  [0, "0.0000"],
  [-2.5, "-2.5000"],
  [NaN, "nan"],
  [-Infinity, "-inf"],
])("the metric %d is shown as %s", (value, text) => {
  expect(metricText(value)).toBe(text);
});

test.each([
  [0.4, "0:00"],
  [59.6, "1:00"],
  [754, "12:34"],
  [3723, "1:02:03"],
])("%d seconds are shown as %s", (seconds, text) => {
  expect(durationText(seconds)).toBe(text);
});

test("a progress of nothing is no division by zero", () => {
  expect(
    progressLine({ title: "Epoch 1", done: 0, total: 0, rate: null, eta: null, metrics: [] }, { columns: 80 }),
  ).toBe("Epoch 1 0/0");
});
