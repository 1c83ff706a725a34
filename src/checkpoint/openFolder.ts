import { basename } from "node:path";
import { LtrainError } from "../errors.js";
import type { FileOperations } from "../io/fileOperations.js";
import { besideOf, isUrl } from "../io/location.js";
import { statusOf } from "../io/textFile.js";
import { PartFiles } from "../io/partFiles.js";
import { PyDict } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { readDistributed } from "../serialization/distributed.js";
import { readShardIndex } from "../serialization/shardIndex.js";
import type { CheckpointFolder } from "./checkpointFolder.js";
import { DISTRIBUTED_ENTRY } from "./checkpointFolder.js";
import type { FolderContent } from "./folderContent.js";
import { unionOfGlobals } from "./folderContent.js";
import type { FileContent } from "./readContent.js";
import { PLAIN_CONTENT, readContent } from "./readContent.js";

/** Whoever has read the tensors closes the files. */
export interface ClosableContent extends FolderContent {
  readonly close: () => Promise<void>;
}

interface OpenOptions {
  readonly files?: FileOperations;
}

/** Open the files of a checkpoint that is a folder, or that an index names; tensors stay where they are. */
export async function openFolder({ kind, entry }: CheckpointFolder, options: OpenOptions): Promise<ClosableContent> {
  const parts = new PartFiles(entry, options);
  try {
    switch (kind) {
      case "torch-distributed":
        return { ...(await openDistributed(entry, parts, options)), close: () => parts.close() };
      case "sharded":
        return { ...(await openSharded(entry, parts)), close: () => parts.close() };
      case "deepspeed": {
        const { openDeepSpeed } = await import("./openDeepSpeed.js");
        return { ...(await openDeepSpeed(entry, parts, options)), close: () => parts.close() };
      }
    }
  } catch (error) {
    await parts.close();
    throw error;
  }
}

/** Lightning's file of everything that is not sharded: epoch, loops, hyper-parameters. */
const LIGHTNING_META = "meta.pt";

async function openDistributed(entry: string, parts: PartFiles, options: OpenOptions): Promise<FolderContent> {
  const metadata = await parts.file(nameOf(entry));
  const read = await readDistributed(metadata, (file, start, byteLength) => parts.part(file, start, byteLength));
  const meta = await readMeta(parts);
  const root = new PyDict(read.root);
  if (meta?.root instanceof PyDict) for (const [key, value] of meta.root) root.set(key, value);
  const sizes = await Promise.all([...read.files].map((file) => sizeOf(entry, file, options)));
  return {
    ...PLAIN_CONTENT,
    format: "torch-distributed",
    root,
    globals: unionOfGlobals(read.globals, meta?.globals ?? []),
    foreignGlobals: unionOfGlobals(read.foreignGlobals, meta?.foreignGlobals ?? []),
    byteLength: [...sizes, metadata.byteLength, meta?.byteLength ?? 0].reduce((sum, size) => sum + size, 0),
    parts: [...read.files.keys(), ...(meta === undefined ? [] : [LIGHTNING_META])],
  };
}

/** What lies in `meta.pt`, if there is one. */
async function readMeta(parts: PartFiles): Promise<(FileContent & { readonly byteLength: number }) | undefined> {
  let source;
  try {
    source = await parts.file(LIGHTNING_META);
  } catch (error) {
    if (error instanceof LtrainError && error.code === "file.missing") return undefined;
    throw error;
  }
  return { ...(await readContent(source, LIGHTNING_META)), byteLength: source.byteLength };
}

/** So many shards are opened at a time. */
const SHARDS_AT_ONCE = 8;

async function openSharded(entry: string, parts: PartFiles): Promise<FolderContent> {
  const indexSource = await parts.file(nameOf(entry));
  const index = await readShardIndex(indexSource);
  const names = [...new Set(index.files.values())];
  const shards = new Map<string, FileContent & { readonly byteLength: number }>();
  for (let start = 0; start < names.length; start += SHARDS_AT_ONCE) {
    const opened = names.slice(start, start + SHARDS_AT_ONCE).map(async (name) => {
      shards.set(name, await openShard(name, names.length, parts));
    });
    await Promise.all(opened);
  }
  const root = new PyDict();
  for (const [tensor, file] of index.files) root.set(tensor, tensorOf(tensor, file, shards.get(file)));
  const contents = names.flatMap((name) => shards.get(name) ?? []);
  const present = contents.reduce((sum, { root: shard }) => sum + (shard instanceof PyDict ? shard.size : 0), 0);
  const unlisted = present - root.size;
  return {
    ...PLAIN_CONTENT,
    format: contents.every(({ format }) => format === "safetensors") ? "safetensors-sharded" : "torch-sharded",
    root,
    globals: unionOfGlobals(...contents.map(({ globals }) => globals)),
    foreignGlobals: unionOfGlobals(...contents.map(({ foreignGlobals }) => foreignGlobals)),
    metadata: index.metadata,
    remarks: unlisted > 0 ? [`${unlisted} tensors of the shards are not in the index, and not shown`] : [],
    byteLength: contents.reduce((sum, { byteLength }) => sum + byteLength, indexSource.byteLength),
    parts: names,
  };
}

async function openShard(
  name: string,
  count: number,
  parts: PartFiles,
): Promise<FileContent & { readonly byteLength: number }> {
  try {
    const source = await parts.file(name);
    return { ...(await readContent(source, name)), byteLength: source.byteLength };
  } catch (error) {
    if (!(error instanceof LtrainError)) throw error;
    const isMissing = error.code === "file.missing";
    throw new LtrainError(
      error.code,
      isMissing
        ? `shard ${name} is not there, one of ${count} that the index names`
        : `shard ${name}: ${error.message}`,
      {
        hint: isMissing ? "download the rest of the checkpoint" : (error.hint ?? "the shard may be damaged"),
        cause: error,
      },
    );
  }
}

function tensorOf(tensor: string, file: string, shard: FileContent | undefined): PyValue {
  const value = shard?.root instanceof PyDict ? shard.root.get(tensor) : undefined;
  if (value !== undefined) return value;
  throw new LtrainError(
    "checkpoint.malformed",
    `the index says that "${tensor}" lies in ${file}, and it is not there`,
    {
      hint: "the shards and the index may be of different saves",
    },
  );
}

/** The last part of a path or an address. */
function nameOf(path: string): string {
  return basename(path.replace(/[?#].*$/, ""));
}

/** Bytes of a file of the folder, which must be there and whole; a server is not asked, for each file is a request. */
async function sizeOf(
  entry: string,
  [name, needed]: readonly [string, number],
  { files }: OpenOptions,
): Promise<number> {
  if (isUrl(entry)) return needed;
  const status = await statusOf(besideOf(entry, name), files);
  if (status?.kind !== "file") {
    throw new LtrainError(
      "file.missing",
      `${besideOf(entry, name)} is not there, which ${DISTRIBUTED_ENTRY} refers to`,
      {
        hint: "the folder may be a part of a copy; compare it with the original",
      },
    );
  }
  if (status.byteLength >= needed) return status.byteLength;
  throw new LtrainError(
    "checkpoint.malformed",
    `${name} is cut short: it should have ${needed} bytes, and has ${status.byteLength}`,
    { hint: "compare its size with the original" },
  );
}
