import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { PYTHON } from "./peer.js";

const SCRIPT = fileURLToPath(new URL("peer_files.py", import.meta.url));

/** A tensor as real torch, safetensors or numpy reads it; `storage` counts the file's storages by first appearance. */
export interface SeenTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly stride: readonly number[];
  readonly storage: number;
  readonly sha256: string;
  readonly class: string;
  readonly requires_grad: boolean;
  readonly layout?: string;
}

/** What a file is to the real libraries; `error` when they refuse it. */
export interface SeenFile {
  readonly tensors: Readonly<Record<string, SeenTensor>>;
  /** Everything that is no tensor: plain values as they are, others as Python's repr. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly metadata: Readonly<Record<string, { readonly version: number }>> | null;
  readonly error?: string;
}

/** Ask peer_files.py several things at once: importing torch takes longer than any answer. */
export function askFiles<Answer>(requests: readonly object[]): Answer[] {
  const { status, stdout, stderr } = spawnSync(PYTHON, [SCRIPT], {
    input: JSON.stringify(requests),
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`peer_files.py ended with ${String(status)}\n${stderr}`);
  return JSON.parse(stdout) as Answer[];
}

/** Files as the real libraries read them. */
export function readByPeers(paths: readonly string[]): SeenFile[] {
  return askFiles<SeenFile>(paths.map((read) => ({ read })));
}

/** Which tensors share memory: for each, the first one that lies in the same storage. */
export function sharing(tensors: Readonly<Record<string, { readonly storage?: number }>>): Record<string, string> {
  const first = new Map<number, string>();
  const result: Record<string, string> = {};
  for (const [path, { storage }] of Object.entries(tensors)) {
    if (storage === undefined) continue;
    const known = first.get(storage) ?? path;
    first.set(storage, known);
    result[path] = known;
  }
  return result;
}
