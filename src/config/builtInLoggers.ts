import { resolve } from "node:path";
import { z } from "zod";
import { CSVLogger } from "../loggers/csvLogger.js";
import { flag } from "./builtInArgs.js";
import { camelKeys } from "./camelKeys.js";
import type { AnyClassEntry, Builders, InitArgs, LoggerPlace, RunFolder } from "./classEntry.js";
import { lightning } from "./lightningPath.js";

/** The arguments that every logger of Lightning's with a folder has. */
const folderArgs = {
  save_dir: z
    .string()
    .nullable()
    .default(null)
    .describe("The folder that <name>/version_N is put into; null: default_root_dir."),
  name: z.string().nullable().default("lightning_logs").describe("Folder of the runs."),
  version: z
    .union([z.int().min(0), z.string(), z.null()])
    .default(null)
    .describe("Number or name of this run; null: one more than the largest that is there."),
  prefix: z.string().default("").describe("Put before every metric's name."),
};

/** init_args of CSVLogger: Lightning's. */
const csvLoggerArgs = z.strictObject({
  ...folderArgs,
  flush_logs_every_n_steps: z.int().min(1).default(100).describe("Steps between two writes to the disk."),
});

/** init_args of TensorBoardLogger: Lightning's, and the writer's that it passes on. */
const tensorBoardLoggerArgs = z.strictObject({
  ...folderArgs,
  log_graph: flag(false, "Draw the module's graph; not supported."),
  default_hp_metric: flag(true, "Log hp_metric = -1 with the hyperparameters, for TensorBoard's hparams page."),
  sub_dir: z.string().nullable().default(null).describe("A folder below version_N that the files go into."),
  max_queue: z.int().min(1).default(10).describe("As in Lightning; every row is written at once."),
  flush_secs: z.number().min(0).default(120).describe("As in Lightning; every row is written at once."),
  filename_suffix: z.string().default("").describe("Put at the end of the event file's name."),
});

/** init_args of JSONLinesLogger. */
const jsonLinesLoggerArgs = z.strictObject(folderArgs);

/** Every logger that a config can name without a file. */
export const BUILT_IN_LOGGERS: readonly AnyClassEntry[] = [
  {
    kind: "logger",
    name: "CSVLogger",
    paths: lightning("loggers.CSVLogger"),
    description: "Writes metrics.csv and hparams.yaml.",
    args: csvLoggerArgs,
    load: () => Promise.resolve(csvLogger),
  },
  {
    kind: "logger",
    name: "TensorBoardLogger",
    paths: lightning("loggers.TensorBoardLogger"),
    description: "Writes event files for TensorBoard, and hparams.yaml.",
    args: tensorBoardLoggerArgs,
    load: async () => {
      const { TensorBoardLogger } = await import("../loggers/tensorBoardLogger.js");
      return inFolder((folder, options) => {
        return new TensorBoardLogger(folder.saveDir, folder.name, folder.version, options);
      });
    },
  },
  {
    kind: "logger",
    name: "JSONLinesLogger",
    paths: ["ltrain.loggers.JSONLinesLogger"],
    description: "Writes metrics.jsonl, an object per row, and hparams.yaml.",
    args: jsonLinesLoggerArgs,
    load: async () => {
      const { JSONLinesLogger } = await import("../loggers/jsonLinesLogger.js");
      return inFolder((folder, options) => new JSONLinesLogger(folder.saveDir, folder.name, folder.version, options));
    },
  },
];

/** A folder whose version may still have to be found. */
type Folder = Omit<RunFolder, "version"> & { readonly version: number | string | null };

/** A builder of a logger that writes into `<saveDir>/<name>/version_N`, from where it is to write. */
function inFolder<L>(make: (folder: Folder, options: Record<string, never>) => L) {
  return (args: InitArgs, place: LoggerPlace): L => {
    const { save_dir: saveDir, name, version, ...others } = args as Partial<Record<string, string | number | null>>;
    const own = {
      saveDir: (saveDir as string | null | undefined) ?? place.rootDir,
      name: (name as string | null | undefined) === undefined ? "lightning_logs" : ((name as string | null) ?? ""),
      version: version ?? null,
    };
    return make(goesOn(own, place) ? place.runFolder : own, camelKeys(others));
  };
}

/**
 * Whether a logger writes into the run that is there already: the first of a run that is resumed always does, one beside
 * it where it would open a new version of the same name.
 */
function goesOn(own: Folder, place: LoggerPlace): place is LoggerPlace & { readonly runFolder: RunFolder } {
  const { runFolder, isFirst } = place;
  if (runFolder === undefined || isFirst) return runFolder !== undefined;
  const isThere = resolve(own.saveDir, own.name) === resolve(runFolder.saveDir, runFolder.name);
  return isThere && (own.version === null || own.version === runFolder.version);
}

/** A CSVLogger in its place: a new run under the root, or the run that goes on. */
export const csvLogger: Builders["logger"] = inFolder(
  (folder, options) => new CSVLogger(folder.saveDir, folder.name, folder.version, options),
);
