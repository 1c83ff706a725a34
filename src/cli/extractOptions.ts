/** What `ltrain extract` was asked for. */
export interface ExtractOptions {
  /** A file or folder; absent: the newest checkpoint of the runs under the current folder. */
  readonly ckpt?: string;
  /** The part of the file that is meant instead of its state_dict. */
  readonly key?: string;
  readonly prefixes: readonly string[];
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly stripWrappers: boolean;
  readonly stripPrefix: boolean;
  readonly map?: string;
  readonly rename: readonly string[];
  readonly addPrefix?: string;
  readonly dtype?: string;
  /** A path, or "-" for standard output. */
  readonly output?: string;
  readonly format?: string;
  readonly force: boolean;
  readonly dryRun: boolean;
  readonly json: boolean;
}
