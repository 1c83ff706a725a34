import { lstat } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { LtrainError } from "../errors.js";
import { isFolder, isSameFile } from "../io/textFile.js";
import { didYouMean } from "../nearest.js";

/** The formats that extract writes. */
export const EXTRACT_FORMATS = ["pt", "safetensors"] as const;

/** One of the formats that extract writes. */
export type ExtractFormat = (typeof EXTRACT_FORMATS)[number];

/** Where an extraction goes, and in which format. */
export interface ExtractOutput {
  readonly path: string;
  readonly format: ExtractFormat;
}

/** What the command line says about the output. */
export interface OutputRequest {
  readonly input: string;
  readonly prefixes: readonly string[];
  readonly output: string | undefined;
  readonly format: string | undefined;
  readonly force: boolean;
}

/** Extensions that settle the format; torch.load itself goes by `.safetensors`. */
const FORMAT_OF_EXTENSION: Readonly<Record<string, ExtractFormat>> = {
  ".pt": "pt",
  ".pth": "pt",
  ".bin": "pt",
  ".ckpt": "pt",
  ".safetensors": "safetensors",
};

/** Decide path and format, and refuse to write over the input, or over anything else unless forced. */
export async function chooseOutput(request: OutputRequest): Promise<ExtractOutput> {
  const asked = request.format === undefined ? undefined : parseFormat(request.format);
  const { output } = request;
  const folder = output === undefined ? "" : output.endsWith("/") || (await isFolder(output)) ? output : undefined;
  const path = folder === undefined ? (output ?? "") : join(folder, defaultName(request, asked ?? "pt"));
  const format = formatFor(path, asked);
  if (await isSameFile(path, request.input)) {
    throw new LtrainError("output.refused", `the output ${path} is the input itself`, {
      hint: "give another name with -o",
    });
  }
  if (!request.force && (await isThere(path))) {
    throw new LtrainError("output.refused", `${path} exists already`, {
      hint: "give another name with -o, or replace it with --force",
    });
  }
  return { path, format };
}

function parseFormat(format: string): ExtractFormat {
  const known = EXTRACT_FORMATS.find((each) => each === format);
  if (known !== undefined) return known;
  throw new LtrainError("argument.invalid", `--format is pt or safetensors, not "${format}"`, {
    hint: didYouMean(format, EXTRACT_FORMATS) ?? "pt is what torch.load reads",
  });
}

function formatFor(path: string, asked: ExtractFormat | undefined): ExtractFormat {
  const byName = FORMAT_OF_EXTENSION[extname(path).toLowerCase()];
  if (byName !== undefined && asked !== undefined && byName !== asked) {
    throw new LtrainError("argument.invalid", `--format ${asked} does not go with the name ${path}`, {
      hint: "torch.load decides by the extension; leave --format out, or change the name",
    });
  }
  return asked ?? byName ?? "pt";
}

/** `epoch=1-step=10.encoder.pt`, in the current folder. */
function defaultName({ input, prefixes }: OutputRequest, format: ExtractFormat): string {
  const stem = basename(input, extname(input));
  const part = prefixes
    .map((prefix) => prefix.replace(/\.+$/, "").replace(/[/\\:]/g, "_"))
    .filter((each) => each !== "");
  return [stem, part.length === 0 ? "state_dict" : part.join("+"), format].join(".");
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
