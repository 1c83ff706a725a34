import type { ThreadFailure } from "../io/threadFailure.js";
import type { PackedJob } from "./packedJob.js";
import type { SavedFile } from "./saveOrder.js";

/** What the writer's thread is asked for; the buffers are moved there and back. */
export type WriterRequest =
  | { readonly kind: "save"; readonly job: PackedJob; readonly buffers: readonly ArrayBuffer[] }
  /** Memory of these sizes, with its pages in place. */
  | { readonly kind: "memory"; readonly sizes: readonly number[] };

/** What the writer's thread answers. */
export type WriterAnswer = { readonly buffers: readonly ArrayBuffer[] } & (
  | { readonly kind: "memory" }
  | { readonly kind: "saved"; readonly saved: readonly SavedFile[] }
  | { readonly kind: "failed"; readonly failure: ThreadFailure }
);
