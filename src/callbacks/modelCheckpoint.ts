import { join } from "node:path";
import { pythonFloat } from "../pickle/pythonFloat.js";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { Callback } from "../core/callback.js";
import type { ExpectedCheckpoints, TrainerState } from "../core/trainerState.js";
import { resolvePath } from "../io/resolvePath.js";
import type { PyDict } from "../pickle/values.js";
import { enterFolder } from "./checkpointFolder.js";
import { checkpointPath } from "./checkpointPath.js";
import { modelCheckpointKey } from "./modelCheckpointKey.js";
import { checkOptions, resolveTriggers } from "./modelCheckpointOptions.js";
import type { ModelCheckpointOptions } from "./modelCheckpointOptions.js";
import { dumpState, parseState } from "./modelCheckpointState.js";
import { tellMissingMonitor } from "./missingMonitor.js";
import { OwnFiles } from "./ownFiles.js";
import { isOwnRun } from "./ownRun.js";
import { relocateState } from "./relocateState.js";
import type { SavePlan } from "./savePlan.js";
import { SaveRhythm } from "./saveRhythm.js";
import { TopScores } from "./topScores.js";

/** Saves checkpoints as training goes on, and keeps the best of them: Lightning's ModelCheckpoint. */
export class ModelCheckpoint extends Callback {
  override readonly order = "last";
  readonly monitor: string | null;
  readonly #options: ModelCheckpointOptions;
  readonly #rhythm: SaveRhythm;
  readonly #top: TopScores;
  readonly #own = new OwnFiles();
  readonly #keepsLast: boolean;
  #dirpath: string | null;
  #bestPath = "";
  #bestScore: number | null = null;
  #currentScore: number | null = null;
  #lastPath = "";
  #lastSaved = "";
  /** `best.ckpt`, and the file it has the content of. */
  #bestCopy = "";
  #bestCopied = "";
  #lastStepSaved = 0; // nothing to save before a step was taken
  #isDeferred = false;
  #isOwnRun = true;
  #hasValidated = false;

  constructor(options: ModelCheckpointOptions = {}) {
    super();
    this.#options = options;
    this.#keepsLast = (options.saveLast ?? false) !== false;
    this.#rhythm = new SaveRhythm(options, resolveTriggers(options));
    this.monitor = options.monitor ?? null;
    this.#dirpath = options.dirpath ?? null;
    this.#top = new TopScores(options.mode ?? "min", options.saveTopK ?? 1);
    checkOptions(options, this.#rhythm.triggers);
  }

  /** Path of the best checkpoint so far, "" before there is one. */
  get bestModelPath(): string {
    return this.#bestPath;
  }
  /** The monitored value of the best checkpoint; null when nothing is monitored. */
  get bestModelScore(): number | null {
    return this.#bestScore;
  }
  /** Path of the newest save under the name `last`, "" before there is one. */
  get lastModelPath(): string {
    return this.#lastPath;
  }
  /** Path of whatever was saved last, "" before there is one. */
  get lastCheckpointPath(): string {
    return this.#lastSaved;
  }
  /** Folder the checkpoints go to; null before setup when it was not given. */
  get dirpath(): string | null {
    return this.#dirpath;
  }

  /** Whether a failure makes it save where training stood, so that it can be resumed there. */
  get savesOnException(): boolean {
    return this.#options.saveOnException === true && this.#options.saveWeightsOnly !== true;
  }

  override get stateKey(): string {
    const { monitor } = this;
    return modelCheckpointKey(this.constructor.name, { monitor, mode: this.#top.mode, ...this.#rhythm.triggers });
  }

  override stateDict(): PyDict {
    return this.#dump(this.#lastPath);
  }

  #dump(lastPath: string): PyDict {
    return dumpState({
      monitor: this.monitor,
      best_model_score: this.#bestScore,
      best_model_path: this.#bestPath,
      current_score: this.#currentScore,
      dirpath: this.#dirpath ?? "",
      best_k_models: this.#top.scores,
      kth_best_model_path: this.#top.kthPath,
      kth_value: this.#top.kthValue,
      last_model_path: lastPath,
      ...(this.#bestCopy === "" ? {} : { best_copy_path: this.#bestCopy }),
    });
  }

  override async onLoadCheckpoint(trainer: TrainerState, _module: unknown, checkpoint: Checkpoint): Promise<void> {
    this.#isOwnRun = await isOwnRun(trainer, this.#dirpath ?? "", checkpoint);
  }

  /** The files of another folder, and of the run whose copy this is, count among the best and are never removed. */
  override async loadStateDict(state: PyDict): Promise<void> {
    const known = await relocateState(await parseState(state), this.#dirpath ?? "");
    this.#bestPath = known.best_model_path ?? "";
    this.#bestScore = known.best_model_score ?? null;
    this.#currentScore = known.current_score ?? null;
    this.#top.restore(known.best_k_models ?? new Map(), known.kth_best_model_path, known.kth_value);
    this.#lastPath = known.last_model_path ?? "";
    this.#bestCopy = known.best_copy_path ?? "";
    this.#bestCopied = this.#bestCopy === "" ? "" : this.#bestPath;
    const written = [...this.#top.scores.keys(), this.#bestPath, this.#bestCopy, this.#lastPath];
    if (this.#isOwnRun) this.#own.inherit(written, this.#dirpath ?? "");
  }

  override async setup(trainer: TrainerState): Promise<void> {
    const given = this.#options.dirpath ?? null;
    this.#dirpath = given === null ? join(trainer.logDir, "checkpoints") : await resolvePath(given);
    if (trainer.stage === "fit" && !trainer.fastDevRun)
      await enterFolder(trainer, this.#dirpath, this.#top.limit !== 0);
  }

  override onTrainStart(trainer: TrainerState): void {
    this.#rhythm.start(trainer);
  }

  /** What is monitored may be of this step, and must have been read when it is looked at. */
  override wantsOutputs(trainer: TrainerState): boolean {
    return this.monitor !== null && this.#rhythm.willBeDue(trainer);
  }

  override async onTrainBatchEnd(trainer: TrainerState): Promise<void> {
    if (!this.#rhythm.isDue(trainer)) return;
    // A metric of the validation is not there yet, or is the last one's: the save waits until the next one has been.
    const isMissing = this.monitor !== null && !trainer.callbackMetrics.has(this.monitor);
    if (isMissing || this.#rhythm.waitsForValidation(trainer)) {
      this.#isDeferred = true;
      if (isMissing && trainer.numValidationBatches === 0)
        tellMissingMonitor(trainer, this.monitor, !this.#hasValidated);
      return;
    }
    if (this.#mayNotSave(trainer)) return;
    await this.#saveWithLast(trainer, await this.#planTop(trainer));
  }

  override async onValidationEnd(trainer: TrainerState): Promise<void> {
    if (trainer.stage !== "sanityCheck") this.#hasValidated = true;
    if (this.#mayNotSave(trainer)) return;
    if (this.#isDeferred) {
      this.#isDeferred = false;
      await this.#saveWithLast(trainer, await this.#planTop(trainer));
    } else if (!this.#rhythm.savesOnTrainEpochEnd(trainer)) await this.#saveForEpoch(trainer);
  }

  override async onTrainEpochEnd(trainer: TrainerState): Promise<void> {
    if (!this.#mayNotSave(trainer) && this.#rhythm.savesOnTrainEpochEnd(trainer)) await this.#saveForEpoch(trainer);
  }

  override async onTrainEnd(trainer: TrainerState): Promise<void> {
    if (this.#lastSaved === "" && trainer.stage === "fit" && !trainer.fastDevRun)
      await this.#saveWithLast(trainer, null);
  }

  override async onException(trainer: TrainerState): Promise<void> {
    if (this.#options.saveOnException !== true || this.#mayNotSave(trainer)) return;
    await trainer.settleCheckpoints().catch(() => undefined); // it may be what failed
    if (trainer.saveFailure !== null) return; // a disk that refuses is not asked again
    await this.#saveWithLast(trainer, { path: await this.#freePath(trainer, this.#options.filename ?? null, "") });
  }

  override onCheckpointSaved(_trainer: TrainerState, path: string): void {
    this.#own.confirm(path);
  }

  /** Of what is durable neither the best nor the newest; of the others the worst, or the oldest. */
  override spareCheckpoint({ ckptPath }: TrainerState): string | null {
    const kept = [this.#bestPath, this.#lastPath, this.#bestCopy, ckptPath];
    const path = this.#own.spare(this.monitor === null ? null : this.#top.worstFirst, kept);
    if (path !== null) this.#top.scores.delete(path);
    return path;
  }

  /** As many as are kept, and one more: what is replaced stays until the new one is there. */
  override expectedCheckpoints(trainer: TrainerState): ExpectedCheckpoints | null {
    if (this.#dirpath === null) return null;
    const weightsOnly = this.#options.saveWeightsOnly ?? false;
    const top = this.#top.limit === -1 ? this.#rhythm.expectedSaves(trainer) : this.#top.limit;
    const kept = top + (this.#keepsLast ? 1 : 0) + (this.#options.saveBest === true ? 1 : 0);
    const files = kept === 0 ? 0 : Math.max(kept + 1 - this.#own.size, 1);
    return { folder: this.#dirpath, files, weightsOnly };
  }

  async #saveForEpoch(trainer: TrainerState): Promise<void> {
    if (!this.#rhythm.isDueEpoch(trainer)) return;
    const plan = await this.#planTop(trainer);
    if (plan !== null) await this.#saveWithLast(trainer, plan);
  }

  async #saveWithLast(trainer: TrainerState, top: SavePlan | null): Promise<void> {
    const plan = this.#keepsLast ? await this.#planLast(trainer, top) : top;
    if (plan !== null) await this.#submit(trainer, plan);
  }

  /** The next of the best, and what it takes the place of; null when it is none. */
  async #planTop(trainer: TrainerState): Promise<SavePlan | null> {
    if (this.#top.limit === 0) return null;
    await trainer.settleCheckpoints(); // names are chosen by what is there
    if (this.monitor === null) {
      const previous = this.#bestPath;
      this.#bestPath = await this.#freePath(trainer, this.#options.filename ?? null, previous);
      const retired = this.#top.limit === 1 ? await this.#retire(trainer, previous, this.#bestPath) : [];
      return this.#withBest(trainer, { path: this.#bestPath, retired });
    }
    const score = trainer.callbackMetrics.get(this.monitor);
    if (score === undefined) tellMissingMonitor(trainer, this.monitor, !this.#hasValidated);
    else if (this.#top.wants(Math.fround(score))) return this.#planScored(trainer, Math.fround(score));
    else this.#tell(trainer, `'${this.monitor}' was not in top ${this.#top.limit}`);
    return null;
  }

  /** Everything the file says about itself is set before it is written: the state in it includes its own path. */
  async #planScored(trainer: TrainerState, value: number): Promise<SavePlan> {
    const score = Number.isNaN(value) ? this.#top.worstPossible : value;
    const leaving = this.#top.makeRoom();
    const path = await this.#freePath(trainer, this.#options.filename ?? null, leaving);
    this.#currentScore = score;
    this.#top.add(path, score);
    this.#bestPath = this.#top.best?.path ?? "";
    this.#bestScore = this.#top.best?.score ?? null;
    const best = pythonFloat(this.#bestScore ?? score);
    this.#tell(trainer, `'${this.monitor ?? ""}' reached ${pythonFloat(score)} (best ${best}), saving ${path}`);
    return this.#withBest(trainer, { path, retired: await this.#retire(trainer, leaving, path) });
  }

  /** `last.ckpt`: a file of its own with its own path in its state, as Lightning's; as "link" the file that is saved. */
  async #planLast(trainer: TrainerState, plan: SavePlan | null): Promise<SavePlan> {
    await trainer.settleCheckpoints();
    const path = await this.#freePath(trainer, "last", this.#lastPath, plan?.path);
    const retired = [...(plan?.retired ?? []), ...(await this.#retire(trainer, this.#lastPath, path))];
    if (plan !== null && this.#options.saveLast !== "link") return { ...plan, retired, last: path };
    this.#lastPath = path;
    if (plan === null) return { path, retired };
    return { ...plan, retired, replicas: [...(plan.replicas ?? []), { from: plan.path, path, share: true }] };
  }

  /** `best.ckpt` beside the best, when that is another one now. */
  async #withBest(trainer: TrainerState, plan: SavePlan): Promise<SavePlan> {
    const { saveBest = false } = this.#options;
    const isCopied = this.#bestPath === this.#bestCopied && this.#bestPath !== plan.path;
    if (saveBest === false || isCopied) return plan;
    const path = await this.#freePath(trainer, "best", this.#bestCopy, plan.path);
    const retired = [...(plan.retired ?? []), ...(await this.#retire(trainer, this.#bestCopy, path))];
    this.#bestCopied = this.#bestPath;
    this.#bestCopy = path;
    return { ...plan, retired, replicas: [{ from: this.#bestPath, path, share: saveBest === "link" }] };
  }

  async #submit(trainer: TrainerState, plan: SavePlan): Promise<void> {
    const { path, last, replicas = [], retired = [] } = plan;
    const also = last === undefined ? [] : [{ path: last, stateKey: this.stateKey, state: this.#dump(last) }];
    for (const each of [path, ...also.map((other) => other.path), ...replicas.map((replica) => replica.path)]) {
      this.#own.add(each);
    }
    const weightsOnly = this.#options.saveWeightsOnly ?? false;
    await trainer.saveCheckpoint(path, { weightsOnly, background: true, also, replicas, retired });
    this.#lastPath = last ?? this.#lastPath;
    this.#lastStepSaved = trainer.globalStep;
    this.#lastSaved = last ?? path;
  }

  #retire(trainer: TrainerState, path: string, saved: string): Promise<string[]> {
    return this.#own.retire(path, saved, this.#dirpath, trainer);
  }

  /** `taken` is the name of another file of the same save, which is not there yet. */
  #freePath(trainer: TrainerState, template: string | null, old: string, taken = ""): Promise<string> {
    const { autoInsertMetricName: insertNames = true, enableVersionCounter: countsVersions = true } = this.#options;
    const replaced = this.#own.has(old) ? old : "";
    return checkpointPath(trainer, { folder: this.#dirpath, template, insertNames, countsVersions, replaced, taken });
  }

  #mayNotSave(trainer: TrainerState): boolean {
    return trainer.fastDevRun || trainer.stage !== "fit" || this.#lastStepSaved === trainer.globalStep;
  }

  #tell(trainer: TrainerState, message: string): void {
    const { currentEpoch, globalStep } = trainer;
    if (this.#options.verbose === true) trainer.warn(`epoch ${currentEpoch}, global step ${globalStep}: ${message}`);
  }
}
