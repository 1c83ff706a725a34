import type { z } from "zod";
import type { Callback } from "../core/callback.js";
import type { LightningDataModule } from "../core/lightningDataModule.js";
import type { LightningModule, LRSchedulerConfig } from "../core/lightningModule.js";
import type { Logger } from "../core/logger.js";
import type { Terminal } from "../io/console.js";
import type { Parameter } from "../nn/parameter.js";
import type { LRScheduler } from "../optim/lrScheduler.js";
import type { Optimizer } from "../optim/optimizer.js";

/** Arguments by their names in YAML, checked. */
export type InitArgs = Readonly<Record<string, unknown>>;

/** A run folder to go on in, as a logger divides it: `<saveDir>/<name>/<version>`. */
export interface RunFolder {
  readonly saveDir: string;
  readonly name: string;
  readonly version: number | string;
}

/** Where a logger writes: a new run under the root, or the run that is resumed or that the first logger opened. */
export interface LoggerPlace {
  readonly rootDir: string;
  readonly runFolder?: RunFolder;
  /** Whether it is the logger whose folder is the run's. */
  readonly isFirst: boolean;
}

/** What a class of each kind is made from, beside its arguments, and what comes of it. */
export interface Builders {
  model: (args: InitArgs) => LightningModule;
  data: (args: InitArgs) => LightningDataModule;
  callback: (args: InitArgs, terminal: Terminal | undefined) => Callback;
  logger: (args: InitArgs, place: LoggerPlace) => Logger;
  optimizer: (args: InitArgs, params: Iterable<Parameter>) => Optimizer;
  lr_scheduler: (args: InitArgs, optimizer: Optimizer) => LRScheduler | LRSchedulerConfig;
}

/** The kinds of classes that a config names. */
export type ClassKind = keyof Builders;

/** One built-in class: its names, its arguments and how it is made. */
export interface ClassEntry<Kind extends ClassKind = ClassKind> {
  readonly kind: Kind;
  /** The bare name. */
  readonly name: string;
  /** The names it has as a Python path. */
  readonly paths: readonly string[];
  readonly description: string;
  /** What its init_args may be; every argument is described. */
  readonly args: z.ZodObject;
  /** Arguments that name a file or folder to read: in a config file they start from that file's folder. */
  readonly inputPaths?: readonly string[];
  /** Loads the class; what it needs (the tensor engine) is not loaded before. */
  readonly load: () => Promise<Builders[Kind]>;
}

/** A built-in class of any kind. */
export type AnyClassEntry = { [Kind in ClassKind]: ClassEntry<Kind> }[ClassKind];

/** What a kind is called in a sentence, and the base class its classes extend. */
export const KINDS: Readonly<Record<ClassKind, { readonly label: string; readonly base: string }>> = {
  model: { label: "model", base: "LightningModule" },
  data: { label: "data module", base: "LightningDataModule" },
  callback: { label: "callback", base: "Callback" },
  logger: { label: "logger", base: "Logger" },
  optimizer: { label: "optimizer", base: "Optimizer" },
  lr_scheduler: { label: "learning rate scheduler", base: "LRScheduler" },
};
