/** What has been done of what follows a batch. */
export interface UnfinishedBatch {
  /** Whether the validation that it may have had is over. */
  readonly isValidated: boolean;
  /** Whether the loggers' step counts all windows: a batch that ends one is finished then. */
  readonly isCounted: boolean;
}
