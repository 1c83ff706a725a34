import type { TrainerState } from "../core/trainerState.js";

/**
 * Whether every epoch ends with the one validation it has: Lightning's condition for what is done at the end of the
 * training epoch. As there, a val_check_interval of one batch counts as the whole epoch's 1.0.
 */
export function validatesAtEpochEnds(trainer: TrainerState): boolean {
  const { valCheckInterval, valCheckSeconds, checkValEveryNEpoch } = trainer;
  return valCheckSeconds === null && (valCheckInterval ?? 1) === 1 && checkValEveryNEpoch === 1;
}
