import { join } from "node:path";
import type { Run } from "../config/instantiate.js";
import { printConfig } from "../config/printConfig.js";
import { display } from "../config/userModule.js";
import { Callback } from "../core/callback.js";
import type { TrainerState } from "../core/trainerState.js";
import { writeTextAtomically } from "../io/textFile.js";
import { formatBytes, formatCount, plural } from "./units.js";

/**
 * Says before the first step where a run writes, what it runs on and what its checkpoints will take, and keeps its config
 * beside its logs, as LightningCLI does.
 */
export class StartReport extends Callback {
  readonly #say: (line: string) => void;
  readonly #run: () => Run;

  constructor(say: (line: string) => void, run: () => Run) {
    super();
    this.#say = say;
    this.#run = run;
  }

  override async onFitStart(trainer: TrainerState): Promise<void> {
    const { config, trainer: owner } = this.#run();
    const writes = !trainer.fastDevRun && trainer.loggers.length > 0;
    if (writes) await writeTextAtomically(join(trainer.logDir, "config.yaml"), printConfig(config));
    const { engine, device } = trainer.executor;
    if (trainer.fastDevRun) this.#say("run      fast_dev_run: nothing is written");
    else this.#say(`run      ${display(trainer.logDir)}`);
    this.#say(`engine   ${engine} on ${device}`);
    for (const { files, bytes, free } of trainer.fastDevRun ? [] : await owner.forecastCheckpoints()) {
      const room = free === null ? "" : `; ${formatBytes(free)} are free`;
      this.#say(`disk     ${plural(files, "checkpoint")}, ${formatBytes(bytes)} at most${room}`);
    }
    if (trainer.ckptPath !== null) {
      this.#say(
        `from     ${display(trainer.ckptPath)} (epoch ${trainer.currentEpoch}, step ${formatCount(trainer.globalStep)})`,
      );
    }
  }
}
