import { join, relative, resolve } from "node:path";
import { pythonFloat } from "../pickle/pythonFloat.js";
import { Callback } from "../core/callback.js";
import type { LightningModule } from "../core/lightningModule.js";
import type { StepResult, TrainerState } from "../core/trainerState.js";
import { LtrainError } from "../errors.js";
import { resolvePath } from "../io/resolvePath.js";
import { fileExists, isSameFile, listFolder, removeFile } from "../io/textFile.js";
import { didYouMean } from "../nearest.js";
import type { PyDict } from "../pickle/values.js";
import { checkpointName, nameValues } from "./checkpointName.js";
import { modelCheckpointKey } from "./modelCheckpointKey.js";
import { checkOptions, resolveTriggers } from "./modelCheckpointOptions.js";
import type { ModelCheckpointOptions, Triggers } from "./modelCheckpointOptions.js";
import { dumpState, parseState } from "./modelCheckpointState.js";
import { TopScores } from "./topScores.js";

/** Saves checkpoints as training goes on, and keeps the best of them: Lightning's ModelCheckpoint. */
export class ModelCheckpoint extends Callback {
  override readonly order = "last";
  readonly monitor: string | null;
  readonly #options: ModelCheckpointOptions;
  readonly #triggers: Triggers;
  readonly #top: TopScores;
  /** Files that may be removed: what this run wrote, and what an earlier part of it wrote into the same folder. */
  readonly #own = new Set<string>();
  #dirpath: string | null;
  #bestPath = "";
  #bestScore: number | null = null;
  #currentScore: number | null = null;
  #kthPath = "";
  #kthValue: number;
  #lastPath = "";
  #lastSaved = "";
  #lastStepSaved = 0; // nothing to save before a step was taken
  #lastClock = 0;
  #isDeferred = false;
  #hasValidated = false;

  constructor(options: ModelCheckpointOptions = {}) {
    super();
    this.#options = options;
    this.#triggers = resolveTriggers(options);
    this.monitor = options.monitor ?? null;
    this.#dirpath = options.dirpath ?? null;
    this.#top = new TopScores(options.mode ?? "min", options.saveTopK ?? 1);
    this.#kthValue = this.#top.worstPossible;
    checkOptions(options, this.#triggers);
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

  /** Whether a failure makes it save where training stood. */
  get savesOnException(): boolean {
    return this.#options.saveOnException === true;
  }

  override get stateKey(): string {
    return modelCheckpointKey(this.constructor.name, {
      monitor: this.monitor,
      mode: this.#top.mode,
      ...this.#triggers,
    });
  }

  override stateDict(): PyDict {
    return dumpState({
      monitor: this.monitor,
      best_model_score: this.#bestScore,
      best_model_path: this.#bestPath,
      current_score: this.#currentScore,
      dirpath: this.#dirpath ?? "",
      best_k_models: this.#top.scores,
      kth_best_model_path: this.#kthPath,
      kth_value: this.#kthValue,
      last_model_path: this.#lastPath,
    });
  }

  /** Scores and paths count only when they are of this folder; of another one, only the best path is taken along. */
  override async loadStateDict(state: PyDict): Promise<void> {
    const known = await parseState(state);
    this.#bestPath = known.best_model_path ?? "";
    if (known.dirpath !== undefined && resolve(known.dirpath) !== resolve(this.#dirpath ?? "")) return;
    this.#bestScore = known.best_model_score ?? null;
    this.#currentScore = known.current_score ?? null;
    this.#kthPath = known.kth_best_model_path ?? "";
    this.#kthValue = known.kth_value ?? this.#top.worstPossible;
    this.#lastPath = known.last_model_path ?? "";
    this.#top.scores.clear();
    for (const [path, score] of known.best_k_models ?? []) this.#top.scores.set(path, score);
    for (const path of [this.#bestPath, this.#lastPath, ...this.#top.scores.keys()]) this.#own.add(path);
  }

  override async setup(trainer: TrainerState): Promise<void> {
    const given = this.#options.dirpath ?? null;
    this.#dirpath = given === null ? join(trainer.logDir, "checkpoints") : await resolvePath(given);
    const isResumedHere = trainer.ckptPath !== null && resolve(trainer.ckptPath, "..") === resolve(this.#dirpath);
    if (trainer.stage !== "fit" || this.#top.limit === 0 || trainer.fastDevRun || isResumedHere) return;
    if ((await listFolder(this.#dirpath)).length > 0) {
      trainer.warn(`checkpoint folder ${this.#dirpath} exists and is not empty`);
    }
  }

  override onTrainStart(): void {
    this.#lastClock = performance.now();
  }

  override async onTrainBatchEnd(
    trainer: TrainerState,
    _module: LightningModule,
    _outputs: StepResult,
    batchIdx: number,
  ): Promise<void> {
    const { everyNTrainSteps } = this.#triggers;
    const isStep = everyNTrainSteps >= 1 && trainer.globalStep % everyNTrainSteps === 0;
    if (!this.#isTimeUp() && !isStep) return;
    // A metric of the validation is not there yet, or is the last one's: the save waits until the next one has been.
    const isMissing = this.monitor !== null && !trainer.callbackMetrics.has(this.monitor);
    if (isMissing || this.#validatesNext(trainer, batchIdx)) {
      this.#isDeferred = true;
      if (isMissing && trainer.numValidationBatches === 0) this.#complainOfMissing(trainer, this.monitor);
      return;
    }
    if (this.#mayNotSave(trainer)) return;
    await this.#saveTop(trainer);
    await this.#saveLast(trainer);
  }

  override async onValidationEnd(trainer: TrainerState): Promise<void> {
    if (trainer.stage !== "sanityCheck") this.#hasValidated = true;
    if (this.#mayNotSave(trainer)) return;
    if (this.#isDeferred) {
      this.#isDeferred = false;
      await this.#saveTop(trainer);
      await this.#saveLast(trainer);
    } else if (!this.#savesOnTrainEpochEnd(trainer)) await this.#saveForEpoch(trainer);
  }

  override async onTrainEpochEnd(trainer: TrainerState): Promise<void> {
    if (!this.#mayNotSave(trainer) && this.#savesOnTrainEpochEnd(trainer)) await this.#saveForEpoch(trainer);
  }

  override async onTrainEnd(trainer: TrainerState): Promise<void> {
    if (this.#lastSaved === "" && trainer.stage === "fit" && !trainer.fastDevRun) await this.#saveLast(trainer);
  }

  override async onException(trainer: TrainerState): Promise<void> {
    if (this.#options.saveOnException !== true || this.#mayNotSave(trainer)) return;
    await this.#save(trainer, this.#pathOf(trainer, this.#options.filename ?? null));
    await this.#saveLast(trainer);
  }

  async #saveForEpoch(trainer: TrainerState): Promise<void> {
    const { everyNEpochs } = this.#triggers;
    if (everyNEpochs >= 1 && (trainer.currentEpoch + 1) % everyNEpochs === 0) await this.#saveTop(trainer);
    if (this.#lastStepSaved === trainer.globalStep) await this.#saveLast(trainer);
  }

  async #saveTop(trainer: TrainerState): Promise<void> {
    if (this.#top.limit === 0) return;
    if (this.monitor === null) {
      const previous = this.#bestPath;
      this.#bestPath = await this.#freePath(trainer, this.#options.filename ?? null, previous);
      await this.#save(trainer, this.#bestPath);
      if (this.#top.limit === 1) await this.#remove(trainer, previous, this.#bestPath);
      return;
    }
    const score = trainer.callbackMetrics.get(this.monitor);
    if (score === undefined) this.#complainOfMissing(trainer, this.monitor);
    else if (this.#top.wants(score)) await this.#saveScored(trainer, Math.fround(score));
    else this.#tell(trainer, `'${this.monitor}' was not in top ${this.#top.limit}`);
  }

  /** Everything the file says about itself is set before it is written: the state in it includes its own path. */
  async #saveScored(trainer: TrainerState, value: number): Promise<void> {
    const score = Number.isNaN(value) ? this.#top.worstPossible : value;
    const { scores } = this.#top;
    const leaving = this.#top.limit > 0 && this.#top.isFull ? (this.#top.worst?.path ?? "") : "";
    scores.delete(leaving);
    const path = await this.#freePath(trainer, this.#options.filename ?? null, leaving);
    this.#currentScore = score;
    scores.set(path, score);
    if (this.#top.isFull) {
      this.#kthPath = this.#top.worst?.path ?? "";
      this.#kthValue = this.#top.worst?.score ?? this.#kthValue;
    }
    this.#bestPath = this.#top.best?.path ?? "";
    this.#bestScore = this.#top.best?.score ?? null;
    const best = pythonFloat(this.#bestScore ?? score);
    this.#tell(trainer, `'${this.monitor ?? ""}' reached ${pythonFloat(score)} (best ${best}), saving ${path}`);
    await this.#save(trainer, path);
    await this.#remove(trainer, leaving, path);
  }

  /** `last.ckpt` is a real file of its own, so that it outlives the one it equals. */
  async #saveLast(trainer: TrainerState): Promise<void> {
    if (this.#options.saveLast === undefined || this.#options.saveLast === null || !this.#options.saveLast) return;
    const previous = this.#lastPath;
    this.#lastPath = await this.#freePath(trainer, "last", previous);
    await this.#save(trainer, this.#lastPath);
    await this.#remove(trainer, previous, this.#lastPath);
  }

  async #save(trainer: TrainerState, path: string): Promise<void> {
    await trainer.saveCheckpoint(path, { weightsOnly: this.#options.saveWeightsOnly ?? false });
    this.#own.add(path);
    this.#lastStepSaved = trainer.globalStep;
    this.#lastSaved = path;
    // A resume from this file goes on with the metrics: they must not lag behind it.
    for (const logger of trainer.loggers) await logger.save();
  }

  async #remove(trainer: TrainerState, path: string, saved: string): Promise<void> {
    if (path === "" || path === saved || !this.#own.has(path) || this.#dirpath === null) return;
    const inside = relative(this.#dirpath, path);
    if (inside.startsWith("..") || resolve(inside) === inside) return;
    if (
      trainer.ckptPath !== null &&
      (resolve(trainer.ckptPath) === resolve(path) || (await isSameFile(trainer.ckptPath, path)))
    )
      return;
    await removeFile(path);
    this.#own.delete(path);
  }

  #pathOf(trainer: TrainerState, template: string | null, version = 0): string {
    const { callbackMetrics, currentEpoch, globalStep } = trainer;
    const values = nameValues(callbackMetrics, { epoch: currentEpoch, step: globalStep });
    const name = checkpointName(template, values, this.#options.autoInsertMetricName ?? true);
    return join(this.#dirpath ?? "", `${name}${version === 0 ? "" : `-v${version}`}.ckpt`);
  }

  /** A path nothing is at, but for `replaced`, which is about to go: `-v1`, `-v2` … are tried. */
  async #freePath(trainer: TrainerState, template: string | null, replaced: string): Promise<string> {
    for (let version = 0; ; version += 1) {
      const path = this.#pathOf(trainer, template, version);
      if (this.#options.enableVersionCounter === false || path === replaced || !(await fileExists(path))) return path;
    }
  }

  #isTimeUp(): boolean {
    const { trainTimeInterval } = this.#triggers;
    const now = performance.now();
    if (trainTimeInterval === null || now - this.#lastClock < trainTimeInterval * 1000) return false;
    this.#lastClock = now;
    return true;
  }

  #validatesNext(trainer: TrainerState, batchIdx: number): boolean {
    if (this.monitor === null || this.#savesOnTrainEpochEnd(trainer)) return false;
    const isLast = trainer.isLastBatch || batchIdx + 1 === trainer.numTrainingBatches;
    return isLast && trainer.numValidationBatches > 0 && (trainer.currentEpoch + 1) % trainer.checkValEveryNEpoch === 0;
  }

  #savesOnTrainEpochEnd(trainer: TrainerState): boolean {
    // Lightning never saves when validation is asked for every n-th epoch and there is none; we do, at the epoch's end.
    return (
      this.#options.saveOnTrainEpochEnd ?? (trainer.numValidationBatches === 0 || trainer.checkValEveryNEpoch === 1)
    );
  }

  #mayNotSave(trainer: TrainerState): boolean {
    return trainer.fastDevRun || trainer.stage !== "fit" || this.#lastStepSaved === trainer.globalStep;
  }

  #complainOfMissing(trainer: TrainerState, monitor: string): void {
    const names = [...trainer.callbackMetrics.keys()];
    const message = `ModelCheckpoint watches "${monitor}", and nobody has logged it; there is ${names.join(", ") || "nothing"}`;
    if (!this.#hasValidated) {
      trainer.warn(message);
      return;
    }
    throw new LtrainError("config.invalid", message, {
      hint: didYouMean(monitor, names) ?? `log it in validationStep: this.log("${monitor}", value)`,
    });
  }

  #tell(trainer: TrainerState, message: string): void {
    if (this.#options.verbose !== true) return;
    trainer.warn(`epoch ${trainer.currentEpoch}, global step ${trainer.globalStep}: ${message}`);
  }
}
