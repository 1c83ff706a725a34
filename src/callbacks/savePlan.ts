import type { SaveOptions } from "../core/trainerState.js";

/** What a ModelCheckpoint wants saved of one moment. */
export interface SavePlan extends Pick<SaveOptions, "replicas" | "retired"> {
  readonly path: string;
  /** `last.ckpt`, where it is a file of its own. */
  readonly last?: string;
}
