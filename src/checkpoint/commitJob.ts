import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { LtrainError } from "../errors.js";
import { syncFolderOf, writeFileAtomically } from "../io/atomicFile.js";
import type { ByteSink } from "../io/byteSink.js";
import type { ByteSource } from "../io/byteSource.js";
import { appendDurably } from "../io/durableAppend.js";
import type { FileOperations } from "../io/fileOperations.js";
import { replicateFile } from "../io/fileReplica.js";
import { openFile } from "../io/fileSource.js";
import { rangeChunks } from "../io/rangeChunks.js";
import { removeFile, statusOf } from "../io/textFile.js";
import { torchLoad } from "../serialization/torchLoad.js";
import { writeTorchParts } from "../serialization/torchSave.js";
import { checksum } from "../zip/checksum.js";
import { JOURNAL_NAME, journalLine, readJournal } from "./checkpointJournal.js";
import { requireSpace } from "./checkpointSpace.js";
import { readsBack } from "./readsBack.js";
import type { SaveFile, SaveJob } from "./saveJob.js";
import type { Replica, SavedFile, VerifyMode } from "./saveOrder.js";

/**
 * Do a save: each file is written under a temporary name, brought to the disk, read back, entered into the journal,
 * named, and its name brought to the disk. Only when all that is done are files removed that the save takes the place of.
 */
export async function runSaveJob(job: SaveJob, files: FileOperations): Promise<SavedFile[]> {
  await requireSpace(job, files);
  const saved: SavedFile[] = [];
  for (const file of job.files) saved.push(await writeFile(file, job, files));
  for (const replica of job.replicas) saved.push(await writeReplica(replica, job, files));
  const folders = new Map<string, string>();
  for (const path of job.retired) {
    await removeFile(path, files);
    folders.set(dirname(path), path);
  }
  for (const path of folders.values()) await syncFolderOf(path, files);
  return saved;
}

async function writeFile(file: SaveFile, job: SaveJob, files: FileOperations): Promise<SavedFile> {
  const { path, step, epoch } = file;
  const digest = new Digest();
  await writeFileAtomically(path, (sink) => writeTorchParts(file, digest.before(sink), { prefix: "archive" }), {
    files,
    verify: (source) => verify(source, path, digest, job.verify),
    beforeRename: () => enter(path, { ...digest.end(), step, epoch }, job, files),
  });
  return { path, ...digest.end() };
}

async function writeReplica({ from, path, share }: Replica, job: SaveJob, files: FileOperations): Promise<SavedFile> {
  const entries = await readJournal(dirname(from), files);
  const known = entries.findLast((entry) => entry.path === basename(from));
  const { sha256, byteLength } = await digestOf(from, files);
  if (known !== undefined && known.sha256 !== sha256) {
    throw new LtrainError(
      "io.failed",
      `${path} cannot be made of ${from}: that has changed since it was saved (SHA-256 ${sha256}, was ${known.sha256})`,
    );
  }
  const moment = { step: known?.step ?? job.files[0]?.step ?? 0, epoch: known?.epoch ?? job.files[0]?.epoch ?? 0 };
  const metrics = known?.metrics ?? job.metrics;
  await replicateFile(from, path, {
    files,
    share,
    beforeRename: () => enter(path, { sha256, byteLength, ...moment }, { metrics }, files),
  });
  return { path, sha256, byteLength };
}

/** What is on the disk is compared with what was written, before it takes its name. */
async function verify(source: ByteSource, path: string, digest: Digest, mode: VerifyMode): Promise<void> {
  if (mode === "off") return;
  await readsBack(path, torchLoad)(source);
  const { byteLength } = digest.end();
  let crc = 0;
  if (mode === "full") for await (const chunk of rangeChunks(source, 0, source.byteLength)) crc = checksum(chunk, crc);
  if (source.byteLength === byteLength && (mode === "header" || crc === digest.crc32)) return;
  throw new LtrainError("io.failed", `${path} does not read back as it was written: other bytes came back`, {
    hint: "the disk or the memory may be failing; nothing that was there before has been changed",
  });
}

/** A line of the journal, on the disk before its file has a name: whatever has a name can be compared with its line. */
async function enter(
  path: string,
  about: { readonly sha256: string; readonly byteLength: number; readonly step: number; readonly epoch: number },
  { metrics }: Pick<SaveJob, "metrics">,
  files: FileOperations,
): Promise<void> {
  const journal = join(dirname(path), JOURNAL_NAME);
  const { sha256, byteLength: size, step, epoch } = about;
  const line = journalLine({
    path: basename(path),
    sha256,
    size,
    step,
    epoch,
    metrics,
    time: new Date().toISOString(),
  });
  // A crash may have torn the last line: what follows is not to be taken for the rest of it.
  await appendDurably(journal, `${(await endsALine(journal, files)) ? "" : "\n"}${line}`, files);
}

async function endsALine(path: string, files: FileOperations): Promise<boolean> {
  const { byteLength = 0 } = (await statusOf(path, files)) ?? {};
  if (byteLength === 0) return true;
  const source = await openFile(path, { files });
  try {
    const [last] = await source.read(source.byteLength - 1, source.byteLength);
    return last === 0x0a;
  } finally {
    await source.close();
  }
}

async function digestOf(path: string, files: FileOperations): Promise<{ sha256: string; byteLength: number }> {
  const digest = new Digest();
  const source = await openFile(path, { files });
  try {
    for await (const chunk of rangeChunks(source, 0, source.byteLength)) digest.add(chunk);
  } finally {
    await source.close();
  }
  return digest.end();
}

/** What went by: its length and its checksums. */
class Digest {
  readonly #hash = createHash("sha256");
  #sha256: string | null = null;
  #byteLength = 0;
  crc32 = 0;

  add(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.crc32 = checksum(bytes, this.crc32);
    this.#byteLength += bytes.byteLength;
  }

  /** The sink, with everything that is written to it added. */
  before(sink: ByteSink): ByteSink {
    return {
      write: (bytes) => {
        const writing = sink.write(bytes); // the system writes while the checksums are summed up
        this.add(bytes);
        return writing;
      },
    };
  }

  end(): { readonly sha256: string; readonly byteLength: number } {
    this.#sha256 ??= this.#hash.digest("hex");
    return { sha256: this.#sha256, byteLength: this.#byteLength };
  }
}
