import type { ThreadFailure } from "../io/threadFailure.js";
import type { PackedBatch } from "./packedBatch.js";

/** What a data worker is asked for. */
export type WorkerRequest =
  /** A pass over the dataset begins; batches of earlier ones are not wanted any more. */
  | {
      readonly kind: "pass";
      readonly pass: number;
      readonly seed: bigint;
      /** Where the worker's generator goes on, in a pass that is resumed. */
      readonly random: Uint8Array | null;
    }
  | { readonly kind: "batch"; readonly pass: number; readonly batch: number; readonly indices: Int32Array };

/** What a data worker answers. */
export type WorkerAnswer = {
  readonly pass: number;
  readonly batch: number;
  /** The worker's generator after this batch, where the batch drew from it. */
  readonly random: Uint8Array | null;
} & ({ readonly packed: PackedBatch } | { readonly failure: ThreadFailure });
