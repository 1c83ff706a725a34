import { basename } from "node:path";
import { loadCheckpoint } from "../checkpoint/loadCheckpoint.js";
import type { Run } from "../config/instantiate.js";
import { display } from "../config/userModule.js";
import type { LightningDataModule } from "../core/lightningDataModule.js";
import { DataLoader } from "../data/dataLoader.js";
import { openInput } from "../data/inputFile.js";
import { LtrainError } from "../errors.js";
import type { Terminal } from "../io/console.js";
import { PyDict } from "../pickle/values.js";
import { inMemory } from "../trainer/inMemory.js";
import type { EvaluateArguments } from "./evaluatedCheckpoint.js";
import { findEvaluated } from "./evaluatedCheckpoint.js";
import { runEvaluation } from "./evaluation.js";
import { writeEvent } from "./jsonEvents.js";
import type { PredictionOutput } from "./predictionOutput.js";
import { choosePredictionOutput, withPredictionSink } from "./predictionOutput.js";
import { PredictionWriter } from "./predictionWriter.js";
import { showConfig } from "./shownConfig.js";
import { plural } from "./units.js";

/** What the command line gives `predict`. */
export interface PredictArguments extends EvaluateArguments {
  readonly output?: string;
  readonly format?: string;
  /** A file or folder to predict on, in place of the config's data. */
  readonly input?: string;
  /** One of several outputs of predictStep. */
  readonly key?: string;
  readonly force: boolean;
}

/** `ltrain predict`: what a checkpoint predicts, written batch by batch. Gives the exit code. */
export async function runPredict(args: PredictArguments, terminal: Terminal): Promise<number> {
  const evaluated = await findEvaluated(args, "predict", terminal);
  const { resolved, ckptPath } = evaluated;
  if (args.printConfig) {
    showConfig(resolved.config, args, terminal);
    return 0;
  }
  const output = await choosePredictionOutput(args);
  if (args.json && output.path === null) {
    throw new LtrainError("usage.invalid", "--json and the predictions cannot both be on standard output", {
      hint: "write the predictions to a file: -o predictions.jsonl",
    });
  }
  const started = performance.now();
  const writer = new PredictionWriter({ format: output.format, key: args.key ?? null });
  const showsProgress = output.path !== null || !terminal.stdout.isTTY;
  const setup = { logs: false, showsProgress, extraCallbacks: [writer] };
  const end = await runEvaluation(evaluated, args, setup, terminal, (run) =>
    predictInto(output, writer, run, args, ckptPath, terminal),
  );
  if ("exitCode" in end) return end.exitCode;
  const { rows } = writer;
  const seconds = (performance.now() - started) / 1000;
  if (args.json)
    writeEvent(terminal.stdout, { event: "predict_end", ckpt_path: ckptPath, output: output.path, rows, seconds });
  if (!args.quiet) {
    const where = output.path === null ? "" : ` -> ${display(output.path)}`;
    terminal.stderr.write(`done     ${plural(rows, "row")} in ${seconds.toFixed(1)} s${where}\n`);
  }
  return 0;
}

async function predictInto(
  output: PredictionOutput,
  writer: PredictionWriter,
  run: Run,
  args: PredictArguments,
  ckptPath: string | null,
  terminal: Terminal,
): Promise<void> {
  const { trainer, module, datamodule } = run;
  const loader = args.input === undefined ? null : await inputLoader(args.input, datamodule, ckptPath);
  const data = loader?.loader ?? watched(datamodule, writer);
  if (loader !== null) writer.expect(loader.loader, loader.names);
  else if (datamodule.predictDataloader === undefined && module.predictDataloader === undefined) {
    throw new LtrainError("config.invalid", `${datamodule.constructor.name} has no predictDataloader`, {
      hint: "say what to predict: --input FILE.csv, FILE.npy or a folder of images; or give the data module one",
    });
  }
  await withPredictionSink(output, terminal, async (sink) => {
    writer.into(sink);
    await trainer.predict(module, data, { ckptPath, returnPredictions: false });
    await writer.end();
  });
}

/** Let the writer know the loader that the data module gives: how many rows there will be. */
function watched(datamodule: LightningDataModule, writer: PredictionWriter): LightningDataModule {
  const give = datamodule.predictDataloader?.bind(datamodule);
  if (give === undefined) return datamodule;
  const predictDataloader = async (): Promise<DataLoader | null> => {
    const loader = await give();
    if (loader !== null) writer.expect(loader, null);
    return loader;
  };
  Object.defineProperty(datamodule, "predictDataloader", { value: predictDataloader });
  return datamodule;
}

/** Batches of a file or folder: as the config's data module reads it, with what the checkpoint knows of it, or as it is. */
async function inputLoader(
  input: string,
  datamodule: LightningDataModule,
  ckptPath: string | null,
): Promise<{ readonly loader: DataLoader; readonly names: readonly string[] | null }> {
  if (datamodule.inputDataloader === undefined) {
    const dataset = await openInput(input);
    return { loader: new DataLoader(dataset, { batchSize: INPUT_BATCH }), names: dataset.names };
  }
  if (ckptPath !== null) await restoreData(datamodule, ckptPath);
  const loader = await datamodule.inputDataloader(input);
  const names = "names" in loader.dataset ? loader.dataset.names : null;
  return { loader, names: Array.isArray(names) ? names.map((name) => basename(String(name))) : null };
}

/** Where no data module says how many examples go together. */
const INPUT_BATCH = 32;

async function restoreData(datamodule: LightningDataModule, ckptPath: string): Promise<void> {
  const { checkpoint, close } = await loadCheckpoint(ckptPath);
  try {
    const data = checkpoint.datamodule;
    if (data?.key !== datamodule.constructor.name || !(data.state instanceof PyDict)) return;
    await datamodule.loadStateDict?.(await inMemory(data.state));
  } finally {
    await close();
  }
}
