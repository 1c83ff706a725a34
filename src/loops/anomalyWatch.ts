import type { LightningModule } from "../core/lightningModule.js";
import type { StepFunction, StepOutputs } from "../engine/executor.js";
import { LtrainError } from "../errors.js";
import type { Parameter } from "../nn/parameter.js";
import type { Tensor } from "../tensor/tf.js";
import { tf } from "../tensor/tf.js";
import { holdAssignments } from "../tensor/variable.js";
import type { AnomalySite } from "./anomalyProbe.js";
import { AnomalyProbe } from "./anomalyProbe.js";

/** The output that says where a step met the first number that is not finite. */
export const ANOMALY_OUTPUT = "anomaly";

/** What a step tells that was looked at. */
export interface AnomalyNote {
  /** Where a number that is not finite may come from. */
  readonly sites?: readonly AnomalySite[];
}

/** Lightning's detect_anomaly: a training step that meets NaN or infinity has no effect, and ends the run. */
export class AnomalyWatch {
  readonly #module: LightningModule;
  readonly #checksBackward: boolean;
  #probe: AnomalyProbe | null = null;

  /** `checksBackward`: false where gradients may overflow, as those of a scaled loss do. */
  constructor(module: LightningModule, checksBackward: boolean) {
    this.#module = module;
    this.#checksBackward = checksBackward;
  }

  /** Within a step that is looked at: look at the gradients of parameters too. */
  checkGradients(gradients: ReadonlyMap<Parameter, Tensor>): void {
    this.#probe?.checkGradients(gradients);
  }
  /** Within such a step: look at what it starts from, or comes to. */
  check(where: string, values: unknown): void {
    this.#probe?.check(where, values);
  }

  /** The step that `build` makes, looked at: what it assigns is what was there before, when it met an anomaly. */
  watch<Note extends AnomalyNote>(
    build: (tell: (note: Note) => void) => StepFunction,
    tell: (note: Note) => void,
  ): StepFunction {
    let note: Note | undefined;
    const step = build((told) => {
      note = told;
    });
    return (inputs, recording) => {
      const probe = new AnomalyProbe(this.#module, this.#checksBackward);
      this.#probe = probe;
      let outputs: Record<string, Tensor> = {};
      try {
        const assigned = holdAssignments(() => {
          outputs = probe.watch(() => step(inputs, recording));
        });
        const first = probe.first();
        const isBad = tf.less(first, probe.sites.length);
        for (const [variable, next] of assigned) {
          variable.assign(tf.where(isBad, variable.value, next));
          next.dispose();
        }
        if (note !== undefined) tell({ ...note, sites: probe.sites });
        return { ...outputs, [ANOMALY_OUTPUT]: first };
      } finally {
        probe.dispose();
        this.#probe = null;
      }
    };
  }

  /** After the step of a number: end the run where it met an anomaly. */
  async refuse(outputs: StepOutputs, sites: readonly AnomalySite[], step: number): Promise<void> {
    const site = sites[await outputs.scalar(ANOMALY_OUTPUT)];
    if (site === undefined) return;
    const { currentEpoch = 0, batchIdx = 0 } = this.#module.trainer ?? {};
    throw new LtrainError(
      "training.failed",
      `NaN or infinity in the ${site.pass} pass of ${site.where}, at step ${step} ` +
        `(epoch ${currentEpoch}, batch ${batchIdx})`,
      { hint: "the step has changed no weight; a lower learning rate or gradient_clip_val may help" },
    );
  }
}
