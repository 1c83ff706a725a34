import { LtrainError } from "../errors.js";
import { readText } from "../io/textFile.js";

/** Old names to new ones from a JSON or YAML file: one plain object, as `ltrain diff --map` writes it. */
export async function readNameMap(path: string): Promise<ReadonlyMap<string, string>> {
  const { parseDocument } = await import("yaml"); // every JSON file is a YAML file
  const document = parseDocument(await readText(path), { schema: "core", uniqueKeys: true });
  const [problem] = document.errors;
  if (problem !== undefined) {
    throw new LtrainError("argument.invalid", `${path}: ${problem.message.split("\n", 1)[0] ?? ""}`, {
      hint: 'a map is one object of old names to new ones: {"encoder.0.weight": "backbone.0.weight"}',
    });
  }
  const content: unknown = document.toJS({ mapAsMap: true });
  if (!(content instanceof Map)) throw wrong(path, "is not an object of old names to new ones");
  const map = new Map<string, string>();
  for (const [from, to] of content as ReadonlyMap<unknown, unknown>) {
    if (typeof from !== "string" && typeof from !== "number") throw wrong(path, "has a name that is no text");
    if (typeof to !== "string" || to === "") throw wrong(path, `gives "${from}" a new name that is no text`);
    map.set(String(from), to);
  }
  return map;
}

function wrong(path: string, what: string): LtrainError {
  return new LtrainError("argument.invalid", `${path} ${what}`, {
    hint: 'for example {"encoder.0.weight": "backbone.0.weight"}',
  });
}
