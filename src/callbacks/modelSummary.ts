import { Callback } from "../core/callback.js";
import type { LightningModule } from "../core/lightningModule.js";
import type { TrainerState } from "../core/trainerState.js";
import { LtrainError } from "../errors.js";
import { processTerminal } from "../io/console.js";
import type { Terminal } from "../io/console.js";
import type { Module } from "../nn/module.js";
import type { Parameter } from "../nn/parameter.js";
import { numelOf } from "../storage/hostTensor.js";
import type { ModuleTrace } from "./layerTrace.js";
import { traceLayers, UNKNOWN_SIZE } from "./layerTrace.js";
import { pythonFormat } from "./pythonFormat.js";

/** Where a ModelSummary writes, and how deep it looks. */
export interface ModelSummaryOptions {
  readonly terminal?: Terminal;
  /** 1: the module's children; -1: every module; 0: nothing is shown. */
  readonly maxDepth?: number;
}

/** Prints the module's parts and their parameters before training: Lightning's ModelSummary. */
export class ModelSummary extends Callback {
  readonly #terminal: Terminal;
  readonly #maxDepth: number;

  constructor(options: ModelSummaryOptions = {}) {
    super();
    this.#terminal = options.terminal ?? processTerminal();
    this.#maxDepth = options.maxDepth ?? 1;
    if (!Number.isInteger(this.#maxDepth) || this.#maxDepth < -1) {
      throw new LtrainError("config.invalid", `ModelSummary: max_depth must be -1, 0 or more, got ${this.#maxDepth}`);
    }
  }

  override onFitStart(_trainer: TrainerState, module: LightningModule): void {
    if (this.#maxDepth === 0) return;
    const { trace, note } = traceOrNote(module);
    const { isTTY, columns } = this.#terminal.stderr;
    const text = summarize(module, this.#maxDepth, trace, isTTY ? columns : Infinity);
    this.#terminal.stderr.write(`\n${text}\n${note}\n`);
  }
}

/** A module that cannot be written down as a graph is still trained op by op. */
function traceOrNote(module: LightningModule): { readonly trace: ModuleTrace | null; readonly note: string } {
  try {
    return { trace: traceLayers(module), note: "" };
  } catch (error) {
    if (!(error instanceof LtrainError) || error.code !== "engine.unsupported") throw error;
    return { trace: null, note: `Sizes and FLOPs are not known: ${error.message}\n` };
  }
}

/**
 * The table of a module's parts, and the totals below it, laid out as Lightning lays them out. Without a trace of an
 * example input there are no FLOPs, where Lightning writes zeros. Where a terminal is too narrow the sizes are left out.
 */
export function summarize(module: Module, maxDepth = 1, trace: ModuleTrace | null = null, columns = Infinity): string {
  const modules = module.namedModules().slice(1);
  const shown = modules.filter(([path]) => maxDepth === -1 || path.split(".").length <= maxDepth);
  const rows = shown.map(([path, part], i) => [
    String(i),
    path,
    part.constructor.name,
    countText(elementsOf(part.parameters())),
    part.training ? "train" : "eval",
    ...traced(trace, part),
  ]);
  const titles = ["", "Name", "Type", "Params", "Mode", ...(trace === null ? [] : ["FLOPs", "In sizes", "Out sizes"])];
  const total = elementsOf(module.parameters());
  const inRows = shown.reduce((sum, [, part]) => sum + elementsOf(part.parameters()), 0);
  if (total > inRows)
    rows.push([" ", "other params", "n/a", countText(total - inRows), ...titles.slice(4).map(() => "n/a")]);
  const trainable = elementsOf(module.parameters().filter((parameter) => parameter.requiresGrad));
  const training = modules.filter(([, part]) => part.training).length;
  const megabytes = module.parameters().reduce((sum, parameter) => sum + bytesOf(parameter), 0) * 1e-6;
  const totals = [
    [countText(trainable), "Trainable params"],
    [countText(total - trainable), "Non-trainable params"],
    [countText(total), "Total params"],
    [pythonFormat(megabytes, ",.3f", false), "Total estimated model params size (MB)"],
    [String(training), "Modules in train mode"],
    [String(modules.length - training), "Modules in eval mode"],
    ...(trace === null ? [] : [[countText(trace.flops), "Total Flops"] as const]),
  ] as const;
  return [...table(titles, rows, columns), ...totals.map(([n, what]) => n.padEnd(10) + what)].join("\n");
}

function traced(trace: ModuleTrace | null, part: Module): readonly string[] {
  if (trace === null) return [];
  const { inSize = UNKNOWN_SIZE, outSize = UNKNOWN_SIZE, flops = 0 } = trace.layers.get(part) ?? {};
  return [countText(flops), inSize, outSize];
}

/** The cells of a row before its sizes. */
const WITHOUT_SIZES = 6;

function table(header: readonly string[], rows: readonly (readonly string[])[], columns: number): string[] {
  const widths = header.map((title, i) => Math.max(title.length, 1, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string => cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(" | ");
  if (line(header).length > columns && header.length > WITHOUT_SIZES) {
    const cut = (row: readonly string[]): readonly string[] => row.slice(0, WITHOUT_SIZES);
    return table(cut(header), rows.map(cut), columns);
  }
  const length = widths.reduce((sum, width) => sum + width, 0) + 3 * (header.length + 1);
  const rule = "-".repeat(Math.min(length, columns));
  return [line(header), rule, ...rows.map(line), rule];
}

function elementsOf(parameters: readonly Parameter[]): number {
  return parameters.reduce((sum, parameter) => sum + numelOf(parameter.shape), 0);
}

/** Lightning counts every parameter as a float32, which all of ours are while they are trained. */
function bytesOf(parameter: Parameter): number {
  return numelOf(parameter.shape) * 4;
}

const UNITS = [" ", "K", "M", "B", "T"];

/** A count in thousands: "123  ", "1.2 K", "101 K", "2.0 M". */
export function countText(count: number): string {
  const groups = Math.min(Math.ceil(String(count).length / 3), UNITS.length);
  const scaled = count * 10 ** (-3 * (groups - 1));
  const isWhole = groups === 1 || scaled >= 100;
  const text = pythonFormat(isWhole ? Math.trunc(scaled) : scaled, isWhole ? "," : ",.1f", isWhole);
  return `${text} ${UNITS[groups - 1] ?? ""}`;
}
