import { LtrainError } from "../errors.js";
import type { ByteSource } from "../io/byteSource.js";
import { isPartName } from "./distributed.js";
import { JsonError, JsonNumber, parseJson } from "./json.js";
import type { Json } from "./json.js";

/** Which shard each tensor lies in, as Hugging Face's `model.safetensors.index.json` says. */
export interface ShardIndex {
  /** Tensor name to file name, in the index's order. */
  readonly files: ReadonlyMap<string, string>;
  /** What the index says beside it: total_size. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** The index of a model with a million tensors. */
const MAX_INDEX_BYTES = 1 << 28;

/** Read an index of shards. */
export async function readShardIndex(source: ByteSource): Promise<ShardIndex> {
  if (source.byteLength > MAX_INDEX_BYTES) {
    throw malformed(`the index is ${source.byteLength} bytes long; more than ${MAX_INDEX_BYTES} are not read`);
  }
  const index = parseIndex(await source.read(0, source.byteLength));
  const map = index instanceof Map ? (index as ReadonlyMap<string, Json>).get("weight_map") : undefined;
  if (!(map instanceof Map)) throw malformed("the index has no weight_map");
  const files = new Map<string, string>();
  for (const [tensor, file] of map as ReadonlyMap<string, Json>) {
    if (typeof file !== "string" || !isPartName(file)) {
      throw malformed(`the index says that "${tensor}" lies in ${shown(file)}, which is no name of a file beside it`);
    }
    files.set(tensor, file);
  }
  return { files, metadata: readMetadata((index as ReadonlyMap<string, Json>).get("metadata")) };
}

function parseIndex(bytes: Uint8Array): Json {
  try {
    return parseJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    const place = error instanceof JsonError ? `${error.message}, at character ${error.at}` : "it is not UTF-8";
    throw malformed(`the index cannot be read: ${place}`, error);
  }
}

function readMetadata(value: Json | undefined): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  if (!(value instanceof Map)) return metadata;
  for (const [key, item] of value as ReadonlyMap<string, Json>) {
    if (typeof item === "string") metadata.set(key, item);
    else if (item instanceof JsonNumber) metadata.set(key, item.text);
  }
  return metadata;
}

function shown(value: Json): string {
  return typeof value === "string" ? `"${value}"` : "something that is no name";
}

function malformed(message: string, cause?: unknown): LtrainError {
  return new LtrainError("checkpoint.malformed", message, {
    hint: "the index may be damaged; compare it with the original",
    cause,
  });
}
