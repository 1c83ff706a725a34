import { describeValue } from "../checkpoint/describeValue.js";
import { pythonFloat } from "../pickle/pythonFloat.js";
import type { LoopPosition } from "../checkpoint/loopPosition.js";
import { describeKind } from "../checkpoint/parseCheckpoint.js";
import type {
  CallbackSummary,
  CheckpointSummary,
  OptimizerSummary,
  SchedulerSummary,
} from "../checkpoint/summarizeCheckpoint.js";
import { summarizeCheckpoint } from "../checkpoint/summarizeCheckpoint.js";
import { tensorsOf } from "../checkpoint/treePaths.js";
import { PyDict } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { sharedNote } from "./inspectKeys.js";
import type { Inspection } from "./inspection.js";
import { kindOf } from "./inspection.js";
import { printable } from "./printable.js";
import type { TableStream } from "./table.js";
import { renderPairs, renderTable } from "./table.js";
import { shortened } from "./textWidth.js";
import { formatBytes, formatCount, plural } from "./units.js";

/** The summary of a file, in lines. */
export async function describeCheckpoint(looked: Inspection, stream: TableStream): Promise<string> {
  const inspection = { ...looked, summary: await summarizeCheckpoint(looked.checkpoint) };
  const { checkpoint, summary, file } = inspection;
  const lines = [printable(file.path), ...renderPairs(headPairs(inspection))];
  // A terminal would wrap what is too long into a mess; --json and a pipe have it in full.
  const width = stream.isTTY ? stream.columns : Infinity;
  const section = (title: string, body: readonly string[]): void => {
    lines.push("", title, ...body.map((line) => shortened(line, width)));
  };
  if (checkpoint.hyperParameters !== null) {
    section(titled("hyperparameters", checkpoint.hyperParameters.name), valuePairs(checkpoint.hyperParameters.values));
  }
  if (checkpoint.datamoduleHyperParameters !== null) {
    section("data module's hyperparameters", valuePairs(checkpoint.datamoduleHyperParameters.values));
  }
  if (summary.stateDict.tensors > 0) {
    lines.push("", stateDictTitle(inspection), await moduleTable(inspection, stream));
  }
  if (summary.optimizers !== null) section("optimizers", numbered(summary.optimizers.map(describeOptimizer)));
  if (summary.schedulers !== null) section("lr schedulers", numbered(summary.schedulers.map(describeScheduler)));
  if (summary.callbacks !== null) section("callbacks", callbackLines(summary.callbacks));
  if (checkpoint.precision !== null) {
    section(printable(`precision (${checkpoint.precision.key})`), valuePairs(checkpoint.precision.state));
  }
  if (checkpoint.datamodule !== null) {
    section(printable(`data module (${checkpoint.datamodule.key})`), valueLines(checkpoint.datamodule.state));
  }
  if (checkpoint.ltrain !== null) section("ltrain", valuePairs(checkpoint.ltrain));
  if (checkpoint.rest.size > 0) section("other keys", pairLines([...checkpoint.rest]));
  if (file.metadata.size > 0) section("metadata", renderPairs([...file.metadata]));
  if (file.remarks.length > 0) {
    section(
      "remarks",
      file.remarks.map((each) => `  ${printable(each)}`),
    );
  }
  const loose = kindOf(inspection) === "other" ? tensorsOf(file.root).length : 0;
  if (loose > 0) lines.push("", `${plural(loose, "tensor")} (--keys lists them)`);
  if (file.foreignGlobals.length > 0) {
    section(
      "refused by torch.load(weights_only=True)",
      file.foreignGlobals.map((each) => `  ${printable(String(each))}`),
    );
  }
  return lines.join("\n");
}

/** A file, and what its checkpoint comes to. */
type Summarized = Inspection & { readonly summary: CheckpointSummary };

function headPairs(inspection: Summarized): [string, string][] {
  const { file, checkpoint, summary } = inspection;
  const kind = kindOf(inspection);
  const isNumbered = kind === "lightning" || checkpoint.loops !== null || checkpoint.globalStep > 0;
  return [
    ["what", `${describeWhat(inspection)} (${file.format})`],
    ["size", formatBytes(file.byteLength)],
    ...(kind === "lightning" ? [["Lightning version", checkpoint.lightningVersion ?? ""] as [string, string]] : []),
    ...(isNumbered || checkpoint.epoch > 0 ? [["epoch", String(checkpoint.epoch)] as [string, string]] : []),
    ...(isNumbered ? [["global step", formatCount(checkpoint.globalStep)] as [string, string]] : []),
    ...(summary.loops === null ? [] : [["position", describePosition(summary.loops)] as [string, string]]),
  ];
}

function describeWhat(inspection: Inspection): string {
  const kind = kindOf(inspection);
  switch (kind) {
    case "lightning": {
      const isWeightsOnly = inspection.checkpoint.optimizerStates === null;
      return isWeightsOnly ? "Lightning checkpoint, weights only" : "Lightning checkpoint";
    }
    case "checkpoint":
      return "checkpoint with a state_dict, without a Lightning version";
    case "state_dict":
      return "state_dict alone";
    case "other":
      return inspection.file.root instanceof PyDict ? "dict without a state_dict" : describeKind(inspection.file.root);
    default:
      kind satisfies never;
      throw new TypeError("unreachable");
  }
}

/** Where in the run the file was saved, in words. */
export function describePosition(loops: LoopPosition): string {
  const { epochsReady, epochsProcessed, batchesProcessed } = loops;
  if (epochsReady === null || epochsProcessed === null) return "not said in today's layout";
  if (epochsReady > epochsProcessed) {
    return `in epoch ${epochsProcessed}, after ${plural(batchesProcessed ?? 0, "batch").replace("batchs", "batches")}`;
  }
  return epochsProcessed === 0 ? "before the first epoch" : `at the end of epoch ${epochsProcessed - 1}`;
}

function stateDictTitle({ summary, checkpoint }: Summarized): string {
  const { tensors, parameters, bytes, storageBytes } = summary.stateDict;
  const keys = tensors + (checkpoint.stateDict.extraState?.size ?? 0);
  const stored = storageBytes > bytes ? `, ${formatBytes(storageBytes)} stored` : "";
  return `state_dict: ${plural(keys, "key")}, ${plural(parameters, "parameter")}, ${formatBytes(bytes)}${stored}`;
}

/** The summary is to be read at a glance; --keys and --json have the rest. */
const MAX_MODULE_ROWS = 40;

async function moduleTable({ summary }: Summarized, stream: TableStream): Promise<string> {
  const { modules, sharedNames } = summary.stateDict;
  const rows = modules
    .slice(0, MAX_MODULE_ROWS)
    .map(({ name, tensors, parameters, bytes }) => [
      name === "" ? "(root)" : name,
      formatCount(tensors),
      formatCount(parameters),
      formatBytes(bytes),
    ]);
  const head = ["module", "tensors", "parameters", "size"];
  const table = await renderTable({ head, rows, numeric: [1, 2, 3], indent: "  " }, stream);
  const notes = [
    ...(modules.length > MAX_MODULE_ROWS ? [`and ${plural(modules.length - MAX_MODULE_ROWS, "more module")}`] : []),
    ...(sharedNames.length > 0 ? [sharedNote(sharedNames)] : []),
  ];
  return [table, ...notes.map((note) => `  ${note}`)].join("\n");
}

function describeOptimizer({ kind, lr, groups, parameters, stateBytes }: OptimizerSummary): string {
  const size = `${plural(groups, "param group")}, ${plural(parameters, "tensor")}, state ${formatBytes(stateBytes)}`;
  return `${kind ?? "unknown optimizer"}  lr ${lr.map(describeNumber).join(", ")}  ${size}`;
}

function describeScheduler({ kind, lastEpoch, lastLr }: SchedulerSummary): string {
  const counter = lastEpoch === null ? "" : `  last_epoch ${lastEpoch}`;
  const lr = lastLr.length === 0 ? "" : `  last_lr ${lastLr.map(describeNumber).join(", ")}`;
  return `${kind ?? "unknown scheduler"}${counter}${lr}`;
}

function describeNumber(value: number | null): string {
  return value === null ? "?" : pythonFloat(value);
}

function callbackLines(callbacks: readonly CallbackSummary[]): string[] {
  if (callbacks.length === 0) return ["  none"];
  return callbacks.flatMap(({ key, name, monitor, bestScore, bestPath, state }) => {
    const best = [
      ...(monitor === null ? [] : [`monitor ${monitor}`]),
      ...(bestScore === null ? [] : [`best ${describeNumber(bestScore)}`]),
      ...(bestPath === null ? [] : [`at ${bestPath}`]),
    ];
    const told = best.length > 0 ? best.join("  ") : state === null ? "" : describeValue(state);
    return [printable(`  ${name}  ${told}`).trimEnd(), ...(key === name ? [] : [printable(`    ${key}`)])];
  });
}

function numbered(lines: readonly string[]): string[] {
  return lines.length === 0 ? ["  none"] : lines.map((line, index) => printable(`  ${index}  ${line}`));
}

function titled(title: string, name: string | null): string {
  return name === null ? title : printable(`${title} (${name})`);
}

function valuePairs(dict: PyDict): string[] {
  return pairLines([...dict]);
}

function valueLines(value: PyValue): string[] {
  return value instanceof PyDict ? valuePairs(value) : [`  ${printable(describeValue(value))}`];
}

function pairLines(entries: readonly (readonly [PyValue, PyValue])[]): string[] {
  return renderPairs(
    entries.map(([key, value]) => [typeof key === "string" ? key : describeValue(key), describeValue(value)]),
  );
}
