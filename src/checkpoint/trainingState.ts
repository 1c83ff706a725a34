import type { Checkpoint } from "./checkpoint.js";

/** The parts without which training cannot go on, by their name in the file. */
const NEEDED = {
  loops: "loops",
  optimizerStates: "optimizer_states",
  lrSchedulers: "lr_schedulers",
} as const satisfies Partial<Record<keyof Checkpoint, string>>;

/** The parts a checkpoint lacks for a resume; none in one of a training run, several in one of weights. */
export function lacksForResume(checkpoint: Checkpoint): string[] {
  return (Object.keys(NEEDED) as (keyof typeof NEEDED)[])
    .filter((part) => checkpoint[part] === null)
    .map((part) => NEEDED[part]);
}
