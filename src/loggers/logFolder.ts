import { join } from "node:path";
import { subfolders } from "../io/subfolders.js";

/** Where a logger of Lightning's keeps a run: `<saveDir>/<name>/version_N`. */
export class LogFolder {
  readonly saveDir: string;
  readonly name: string;
  #version: number | string | null;

  constructor(saveDir: string, name: string | null, version: number | string | null) {
    this.saveDir = saveDir;
    this.name = name ?? "";
    this.#version = version;
  }

  /** Number or name of this run; when none was given, one more than the largest that is there. */
  get version(): number | string {
    this.#version ??= nextVersion(join(this.saveDir, this.name));
    return this.#version;
  }

  get path(): string {
    const { version } = this;
    return join(this.saveDir, this.name, typeof version === "string" ? version : `version_${version}`);
  }
}

function nextVersion(folder: string): number {
  const versions = subfolders(folder)
    .map((name) => /^version_(\d+)(?:_.*)?$/.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number);
  return versions.length === 0 ? 0 : Math.max(...versions) + 1;
}
