import { extname } from "node:path";
import { countParameters } from "../checkpoint/countParameters.js";
import { openCheckpoint } from "../checkpoint/openCheckpoint.js";
import type { OpenedFile } from "../checkpoint/openCheckpoint.js";
import type { PlainNote } from "../checkpoint/plainTree.js";
import { plainTree } from "../checkpoint/plainTree.js";
import { tensorsOf } from "../checkpoint/treePaths.js";
import { LtrainError } from "../errors.js";
import type { Terminal } from "../io/console.js";
import { locateCheckpoint } from "./locate.js";
import type { OutputFile } from "./outputFile.js";
import { chooseOutput } from "./outputFile.js";
import { jsonDocument } from "./jsonWriter.js";
import { printable } from "./printable.js";
import { plainNotesJson, tellTo } from "./rewriteReport.js";
import { renderTable } from "./table.js";
import { formatBytes, plural } from "./units.js";
import { writeOutput } from "./writeOutput.js";

/** What `ltrain sanitize` was asked for. */
export interface SanitizeOptions {
  readonly path: string;
  /** A path, or "-" for standard output. */
  readonly output?: string;
  readonly dryRun: boolean;
  readonly force: boolean;
  readonly json: boolean;
}

/** `ltrain sanitize`: the same file in plain data, for torch.load(weights_only=True). */
export async function runSanitize(options: SanitizeOptions, terminal: Terminal): Promise<number> {
  const { path: input } = await locateCheckpoint(options.path, terminal);
  const file = await openCheckpoint(input);
  try {
    if (/^(safetensors|npz|npy)/.test(file.format)) throw needless(file);
    const { root, notes } = plainTree(file.root);
    const output = await chooseOutput({
      input,
      part: "sanitized",
      output: options.output,
      format: undefined,
      fallback: /\.ckpt$/i.test(extname(input)) ? "ckpt" : "pt",
      force: options.force,
    });
    if (output.format !== "pt" && output.format !== "ckpt") {
      throw new LtrainError("usage.invalid", `sanitize writes torch's files, and ${output.path} is named otherwise`, {
        hint: "`ltrain convert` writes safetensors and npz",
      });
    }
    if (!options.dryRun) await writeOutput(output, { kind: "tree", root }, input, terminal);
    await report({ options, file, notes, output }, terminal);
  } finally {
    await file.close();
  }
  return 0;
}

function needless({ path, format }: OpenedFile): LtrainError {
  return new LtrainError("argument.invalid", `${path} is a file of ${format}, which holds no Python objects`, {
    hint: "it is safe as it is; `ltrain convert` writes it in another format",
  });
}

interface Done {
  readonly options: SanitizeOptions;
  readonly file: OpenedFile;
  readonly notes: readonly PlainNote[];
  readonly output: OutputFile;
}

/** More rows than this are not shown; --json has them all. */
const MAX_ROWS = 200;

async function report({ options, file, notes, output }: Done, terminal: Terminal): Promise<void> {
  const stream = tellTo(output, terminal);
  const tensors = new Map(tensorsOf(file.root).map(({ path, tensor }) => [path, tensor]));
  const { bytes } = countParameters(tensors);
  const wasFine = notes.length === 0 && file.foreignGlobals.length === 0;
  if (options.json) {
    const made = { input: file.path, output: output.path, dry_run: options.dryRun, was_fine: wasFine };
    const json = { ...made, tensors: tensors.size, bytes, made_plain: plainNotesJson(notes) };
    stream.write(jsonDocument(json, 2));
    return;
  }
  if (notes.length > 0) {
    const rows = notes.slice(0, MAX_ROWS).map(({ path, className, became }) => [path, className, became]);
    stream.write(`${await renderTable({ head: ["where", "was", "is now"], rows }, stream)}\n`);
    if (notes.length > MAX_ROWS) stream.write(`and ${notes.length - MAX_ROWS} more (--json lists them)\n`);
  } else {
    stream.write(
      wasFine
        ? "nothing had to change: every value is plain data already\n"
        : "nothing had to change but how it is spelled: no value is of a class that torch refuses\n",
    );
  }
  const verb = options.dryRun ? "would write" : "wrote";
  const name = output.path === "-" ? "standard output" : output.path;
  const what = `${plural(tensors.size, "tensor")}, ${formatBytes(bytes)}, as they were`;
  const changed = notes.length === 0 ? "" : `; ${plural(notes.length, "value")} made plain`;
  stream.write(`${printable(`${verb} ${name}: ${what}${changed}`)}\n`);
}
