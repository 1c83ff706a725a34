import { countParameters } from "../checkpoint/countParameters.js";
import { CHECKPOINT_KEYS, emptyCheckpoint, LIGHTNING_VERSION } from "../checkpoint/checkpoint.js";
import { dumpCheckpoint } from "../checkpoint/dumpCheckpoint.js";
import { fitTensors, isTensorFormat } from "../checkpoint/formatLimits.js";
import type { TensorFormat } from "../checkpoint/formatLimits.js";
import { isFlat, namedTensors } from "../checkpoint/namedTensors.js";
import { openCheckpoint } from "../checkpoint/openCheckpoint.js";
import type { OpenedFile } from "../checkpoint/openCheckpoint.js";
import { parseStateDict } from "../checkpoint/parseCheckpoint.js";
import { plainTree } from "../checkpoint/plainTree.js";
import { tensorsOf } from "../checkpoint/treePaths.js";
import { LtrainError } from "../errors.js";
import type { Terminal } from "../io/console.js";
import { keyText } from "../pickle/convert.js";
import { PyDict } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { StoredTensor } from "../storage/storedTensor.js";
import { locateCheckpoint } from "./locate.js";
import type { OutputFile } from "./outputFile.js";
import { chooseOutput } from "./outputFile.js";
import { jsonDocument } from "./jsonWriter.js";
import { printable } from "./printable.js";
import { tellTo } from "./rewriteReport.js";
import { formatBytes, plural } from "./units.js";
import type { Payload } from "./writeOutput.js";
import { writeOutput } from "./writeOutput.js";

/** What `ltrain convert` was asked for. */
export interface ConvertOptions {
  readonly path: string;
  /** A path, or "-" for standard output. */
  readonly output?: string;
  readonly format?: string;
  readonly allowLoss: boolean;
  readonly dryRun: boolean;
  readonly force: boolean;
  readonly json: boolean;
}

/** `ltrain convert`: all of a file in another format. What the format cannot hold is an error, unless it is allowed. */
export async function runConvert(options: ConvertOptions, terminal: Terminal): Promise<number> {
  if (options.output === undefined && options.format === undefined) {
    throw new LtrainError("usage.invalid", "convert needs -o FILE or --format", {
      hint: "for example -o weights.safetensors",
    });
  }
  const { path: input } = await locateCheckpoint(options.path, terminal);
  const file = await openCheckpoint(input);
  try {
    const { output: path, format, force } = options;
    const output = await chooseOutput({ input, part: "", output: path, format, fallback: "pt", force });
    const converted = isTensorFormat(output.format) ? asTensors(file, output.format) : asTree(file, output.format);
    if (converted.losses.length > 0 && !options.allowLoss && !options.dryRun) throw wouldLose(output, converted);
    if (!options.dryRun) await writeOutput(output, converted.payload, input, terminal);
    report({ options, file, output, converted }, terminal);
  } finally {
    await file.close();
  }
  return 0;
}

/** What is written, and what of the file is not in it. */
interface Converted {
  readonly payload: Payload;
  readonly losses: readonly string[];
}

/** Named tensors: of a checkpoint its state_dict, of anything else all there are, named by the way to them. */
function asTensors(file: OpenedFile, format: TensorFormat): Converted {
  const { root, metadata } = file;
  const stateDict = root instanceof PyDict ? root.get(CHECKPOINT_KEYS.stateDict) : undefined;
  const isCheckpoint = isFlat(stateDict ?? null);
  const part = isCheckpoint ? stateDict : root;
  const { tensors, extraState } = namedTensors(part ?? null, "tensor");
  const fitted = fitTensors(tensors, format);
  const others = isCheckpoint && root instanceof PyDict ? [...root].filter(([, value]) => value !== part) : [];
  const losses = [
    ...others.map(([key, value]) => `${keyText(key)}${tensorCount(value)}`),
    ...[...(extraState?.keys() ?? [])].map((name) => `"${name}" (no dense tensor)`),
    ...(isFlat(part ?? null) ? [] : looseValues(root)),
    ...fitted.losses,
    ...(format === "npz" ? [...metadata.keys()].filter((key) => key !== "format").map((key) => `metadata ${key}`) : []),
  ];
  const strings = file.format === "safetensors" ? { metadata } : {};
  return { payload: { kind: "tensors", format, tensors: fitted.tensors, ...strings }, losses };
}

/** " (24 tensors)" for a part that has some. */
function tensorCount(value: PyValue): string {
  const { length } = tensorsOf(value);
  return length === 0 ? "" : ` (${plural(length, "tensor")})`;
}

/** Values of the top level that hold no tensor. */
function looseValues(root: PyValue): string[] {
  if (!(root instanceof PyDict)) return [];
  return [...root]
    .filter(([, value]) => !(value instanceof StoredTensor) && tensorsOf(value).length === 0)
    .map(([key]) => keyText(key));
}

/** The whole tree in torch's container. As a ckpt, what is no Lightning checkpoint becomes the state_dict of one. */
function asTree({ root, metadata }: OpenedFile, format: "pt" | "ckpt"): Converted {
  const { root: plain, notes } = plainTree(root);
  const losses = [
    ...notes.map(({ path, className, became }) => `${path} (${className} becomes ${became})`),
    ...[...metadata.keys()].filter((key) => key !== "format").map((key) => `metadata ${key}`),
  ];
  if (format === "pt" || !isStateDictAlone(plain)) return { payload: { kind: "tree", root: plain }, losses };
  const around = { ...emptyCheckpoint(), lightningVersion: LIGHTNING_VERSION, stateDict: parseStateDict(plain) };
  return { payload: { kind: "tree", root: dumpCheckpoint(around) }, losses };
}

function isStateDictAlone(root: PyValue): root is PyDict {
  return isFlat(root) && !root.has(CHECKPOINT_KEYS.stateDict);
}

/** So many losses are named in an error. */
const MAX_NAMED = 8;

function wouldLose({ format }: OutputFile, { losses }: Converted): LtrainError {
  const named = losses.slice(0, MAX_NAMED).join(", ");
  const more = losses.length > MAX_NAMED ? ` and ${losses.length - MAX_NAMED} more` : "";
  return new LtrainError("output.refused", `${format} cannot hold ${named}${more}`, {
    hint: "--allow-loss writes the file without; `ltrain extract` takes only what is wanted",
  });
}

interface Done {
  readonly options: ConvertOptions;
  readonly file: OpenedFile;
  readonly output: OutputFile;
  readonly converted: Converted;
}

function report({ options, file, output, converted }: Done, terminal: Terminal): void {
  const { payload, losses } = converted;
  const stream = tellTo(output, terminal);
  const tensors =
    payload.kind === "tensors"
      ? payload.tensors
      : new Map(tensorsOf(payload.root).map(({ path, tensor }) => [path, tensor]));
  const { bytes, sharedNames } = countParameters(tensors);
  if (options.json) {
    const { path: input, format: from } = file;
    const made = { input, from, output: output.path, format: output.format, dry_run: options.dryRun };
    stream.write(jsonDocument({ ...made, tensors: tensors.size, bytes, lost: losses }, 2));
    return;
  }
  const verb = options.dryRun ? "would write" : "wrote";
  const name = output.path === "-" ? "standard output" : output.path;
  const what = `${plural(tensors.size, "tensor")}, ${formatBytes(bytes)} (${file.format} to ${output.format})`;
  stream.write(`${printable(`${verb} ${name}: ${what}`)}\n`);
  for (const loss of losses) terminal.stderr.write(`${printable(`lost: ${loss}`)}\n`);
  if (payload.kind === "tensors" && sharedNames.length > 0) {
    const shared = plural(sharedNames.length, "shared tensor");
    terminal.stderr.write(`note: ${output.format} shares no memory; ${shared} written for each name\n`);
  }
}
