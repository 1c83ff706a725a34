import { LtrainError } from "../errors.js";
import { readText } from "../io/textFile.js";

/** Hyperparameters by name, as a file or a checkpoint has them. */
export type StoredHparams = Readonly<Record<string, unknown>>;

/** Read a hparams.yaml of Lightning's loggers, or the hparams.csv of its old ones. */
export async function readHparamsFile(path: string): Promise<StoredHparams> {
  if (/\.csv$/i.test(path)) return readCsv(path);
  if (!/\.ya?ml$/i.test(path)) {
    throw new LtrainError("argument.invalid", `hparamsFile is a .yaml, .yml or .csv file, not ${path}`);
  }
  const { parseDocument } = await import("yaml"); // few read one
  const document = parseDocument(await readText(path), { schema: "core", uniqueKeys: true, logLevel: "silent" });
  const [problem] = document.errors;
  const content: unknown = problem === undefined ? document.toJS() : null;
  if (problem === undefined && content === null) return {};
  if (typeof content === "object" && content !== null && !Array.isArray(content)) return content as StoredHparams;
  const what = problem === undefined ? "is not a mapping" : (problem.message.split("\n", 1)[0] ?? "");
  throw new LtrainError("argument.invalid", `${path}: ${what}`, {
    hint: "it should hold names and values: `lr: 0.001`",
  });
}

/** One `name,value` in each line after the first; a value that reads as a number, true, false or none is one. */
async function readCsv(path: string): Promise<StoredHparams> {
  const { parse } = await import("csv-parse/sync");
  const rows = parse(await readText(path), { relaxColumnCount: true, skipEmptyLines: true }) as readonly string[][];
  return Object.fromEntries(rows.slice(1).map(([name = "", value = ""]) => [name, valueOf(value.trim())]));
}

function valueOf(text: string): unknown {
  if (/^none$/i.test(text)) return null;
  if (/^(true|false)$/i.test(text)) return text.toLowerCase() === "true";
  return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}
