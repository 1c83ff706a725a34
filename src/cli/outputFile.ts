import { lstat } from "node:fs/promises";
import { basename, extname, isAbsolute, join, relative, resolve } from "node:path";
import type { WrittenFormat } from "../checkpoint/formatLimits.js";
import { WRITTEN_FORMATS } from "../checkpoint/formatLimits.js";
import { LtrainError } from "../errors.js";
import { isFolder, isSameFile } from "../io/textFile.js";
import { didYouMean } from "../nearest.js";

/** The name that stands for standard output. */
export const STANDARD_OUTPUT = "-";

/** Where a file goes, and in which format. */
export interface OutputFile {
  /** A path, or "-". */
  readonly path: string;
  readonly format: WrittenFormat;
  /** Something is there already, and is to be replaced. */
  readonly replaces: boolean;
}

/** What the command line says about the output. */
export interface OutputRequest {
  /** The file or folder that is read; an address of the web cannot be written over. */
  readonly input: string;
  /** What comes between the input's name and the extension when no name is given: "encoder". */
  readonly part: string;
  readonly output: string | undefined;
  readonly format: string | undefined;
  /** Where neither --format nor the name says one. */
  readonly fallback: WrittenFormat;
  readonly force: boolean;
}

/** Extensions that settle the format. */
const FORMAT_OF_EXTENSION: Readonly<Record<string, WrittenFormat>> = {
  ".pt": "pt",
  ".pth": "pt",
  ".bin": "pt",
  ".ckpt": "ckpt",
  ".safetensors": "safetensors",
  ".npz": "npz",
};

/** Decide path and format, and refuse to write over the input, or over anything else unless forced. */
export async function chooseOutput(request: OutputRequest): Promise<OutputFile> {
  const asked = request.format === undefined ? undefined : parseFormat(request.format);
  const { output } = request;
  if (output === STANDARD_OUTPUT) return { path: output, format: asked ?? request.fallback, replaces: false };
  const folder = output === undefined ? "" : output.endsWith("/") || (await isFolder(output)) ? output : undefined;
  const path = folder === undefined ? (output ?? "") : join(folder, defaultName(request, asked ?? request.fallback));
  const format = formatFor(path, asked, request.fallback);
  if (await isInput(path, request.input)) {
    throw new LtrainError("output.refused", `the output ${path} is the input itself`, {
      hint: "give another name with -o",
    });
  }
  const replaces = await isThere(path);
  if (replaces && !request.force) {
    throw new LtrainError("output.refused", `${path} exists already`, {
      hint: "give another name with -o, or replace it with --force",
    });
  }
  return { path, format, replaces };
}

/** The same file by any name, or a file inside the folder that is read. */
async function isInput(path: string, input: string): Promise<boolean> {
  if (await isSameFile(path, input)) return true;
  if (!(await isFolder(input))) return false;
  const inside = relative(resolve(input), resolve(path));
  return inside !== "" && !inside.startsWith("..") && !isAbsolute(inside);
}

function parseFormat(format: string): WrittenFormat {
  const known = WRITTEN_FORMATS.find((each) => each === format);
  if (known !== undefined) return known;
  throw new LtrainError("argument.invalid", `--format is pt, ckpt, safetensors or npz, not "${format}"`, {
    hint: didYouMean(format, WRITTEN_FORMATS) ?? "pt is what torch.load reads",
  });
}

function formatFor(path: string, asked: WrittenFormat | undefined, fallback: WrittenFormat): WrittenFormat {
  const byName = FORMAT_OF_EXTENSION[extname(path).toLowerCase()];
  // pt and ckpt are one container: torch.load reads both by any name but .safetensors.
  const container = (format: WrittenFormat): WrittenFormat => (format === "ckpt" ? "pt" : format);
  if (byName !== undefined && asked !== undefined && container(byName) !== container(asked)) {
    throw new LtrainError("argument.invalid", `--format ${asked} does not go with the name ${path}`, {
      hint: "readers go by the extension; leave --format out, or change the name",
    });
  }
  return asked ?? byName ?? fallback;
}

/** `epoch=1-step=10.encoder.pt`, in the current folder. */
function defaultName({ input, part }: OutputRequest, format: WrittenFormat): string {
  const name = basename(input.replace(/[?#].*$/, ""));
  const stem = basename(name, extname(name));
  return [stem, part, format].filter((each) => each !== "").join(".");
}

/** A link that leads nowhere is something, too. */
async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch {
    return false; // what is wrong with the folder is told when writing fails
  }
}
