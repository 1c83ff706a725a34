import { join } from "node:path";
import { subfolders } from "../io/subfolders.js";
import { writeTextAtomically } from "../io/textFile.js";
import { yamlText } from "./yamlText.js";

/** Where a logger of Lightning's keeps a run, `<saveDir>/<name>/version_N`, and what is written there in its turn. */
export class LogFolder {
  readonly saveDir: string;
  readonly name: string;
  #version: number | string | null;
  #hparams: Readonly<Record<string, unknown>> = {};
  #writing: Promise<void> = Promise.resolve();

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

  /** One write at a time, in the order they were asked for. */
  inTurn(write: () => Promise<void>): Promise<void> {
    const turn = this.#writing.then(write);
    this.#writing = turn.catch(() => undefined); // whoever waits for this turn hears of it; the next one still runs
    return turn;
  }

  /** Write hparams.yaml: these and those of before. */
  async logHparams(hparams: Readonly<Record<string, unknown>>): Promise<void> {
    this.#hparams = { ...this.#hparams, ...hparams };
    if (Object.keys(this.#hparams).length === 0) return;
    await this.inTurn(() => writeTextAtomically(join(this.path, "hparams.yaml"), yamlText(this.#hparams)));
  }
}

function nextVersion(folder: string): number {
  const versions = subfolders(folder)
    .map((name) => /^version_(\d+)(?:_.*)?$/.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number);
  return versions.length === 0 ? 0 : Math.max(...versions) + 1;
}
