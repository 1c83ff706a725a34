import { resolve } from "node:path";
import type { TrainerState } from "../core/trainerState.js";
import { isSameFile } from "../io/textFile.js";
import { liesIn } from "./relocateState.js";

/** The checkpoints that a callback may remove: what this run wrote, and what an earlier part of it wrote there. */
export class OwnFiles {
  /** In the order they were written; whether each is known to be durable. */
  readonly #files = new Map<string, boolean>();
  /** Those that go when the save under way is durable. */
  readonly #leaving = new Set<string>();

  get size(): number {
    return this.#files.size;
  }
  /** The one that became durable last, "" before there is one. */
  get newest(): string {
    return [...this.#files].findLast(([, isDurable]) => isDurable)?.[0] ?? "";
  }
  /** Those that are durable, oldest first. */
  get durable(): string[] {
    return [...this.#files].flatMap(([path, isDurable]) => (isDurable ? [path] : []));
  }

  /** A file that is about to be written. */
  add(path: string): void {
    if (!this.#files.has(path)) this.#files.set(path, false);
  }

  /** A file is durable now; one that is not ours stays somebody else's. */
  confirm(path: string): void {
    this.#leaving.clear();
    if (!this.#files.delete(path)) return;
    this.#files.set(path, true);
  }

  /** Files of an earlier part of the run: those that lie in its folder. */
  inherit(paths: readonly string[], folder: string): void {
    for (const path of paths) if (path !== "" && liesIn(folder, path)) this.#files.set(path, true);
  }

  has(path: string): boolean {
    return this.#files.has(path);
  }

  /**
   * One that can be done without, forgotten: the oldest, or of `worstFirst` the worst, but neither the newest that is
   * durable, nor the best of those, nor one of `kept`. What fell out of the best goes first, where a better one is left.
   */
  spare(worstFirst: readonly string[] | null, kept: readonly (string | null)[]): string | null {
    const { durable, newest } = this;
    const scored = worstFirst?.filter((path) => durable.includes(path));
    const needed = new Set([...kept, newest, scored?.at(-1)]);
    const leaving = (scored?.length ?? 0) > 0 ? [...this.#leaving] : [];
    const path = [...leaving, ...(scored ?? durable)].find((each) => !needed.has(each)) ?? null;
    if (path !== null) this.#files.delete(path);
    this.#leaving.delete(path ?? "");
    return path;
  }

  /**
   * The file to be removed from `folder` once `saved` is durable, as a list of one or none: one of ours, in our folder,
   * and not the one that was resumed from. It is ours no more.
   */
  async retire(path: string, saved: string, folder: string | null, trainer: TrainerState): Promise<string[]> {
    if (path === "" || path === saved || !this.#files.has(path) || folder === null) return [];
    if (!liesIn(folder, path)) return [];
    const source = trainer.ckptPath;
    if (source !== null && (resolve(source) === resolve(path) || (await isSameFile(source, path)))) return [];
    // What is newest is not known any more when it is out of the list.
    if (path !== this.newest) this.#leaving.add(path);
    this.#files.delete(path);
    return [path];
  }
}
