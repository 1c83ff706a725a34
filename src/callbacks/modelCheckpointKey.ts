import { pythonString } from "../checkpoint/describeValue.js";
import { stateKeyOf } from "./stateKey.js";

/** The settings that tell one ModelCheckpoint's state from another's in a file. */
export interface KeySettings {
  readonly monitor: string | null;
  readonly mode: "min" | "max";
  readonly everyNTrainSteps: number;
  readonly everyNEpochs: number;
  /** Seconds. */
  readonly trainTimeInterval: number | null;
}

/** The key of a ModelCheckpoint's state. */
export function modelCheckpointKey(className: string, settings: KeySettings): string {
  const { monitor, mode, everyNTrainSteps, everyNEpochs, trainTimeInterval } = settings;
  return stateKeyOf(className, [
    ["monitor", monitor === null ? "None" : pythonString(monitor)],
    ["mode", pythonString(mode)],
    ["every_n_train_steps", String(everyNTrainSteps)],
    ["every_n_epochs", String(everyNEpochs)],
    ["train_time_interval", trainTimeInterval === null ? "None" : timedeltaText(trainTimeInterval)],
  ]);
}

const SECONDS_PER_DAY = 86_400;

/** A length of time as Python's repr of a timedelta has it, in whole microseconds. */
function timedeltaText(seconds: number): string {
  const days = Math.floor(seconds / SECONDS_PER_DAY);
  const micros = Math.round((seconds - days * SECONDS_PER_DAY) * 1e6);
  const parts = [
    ["days", days],
    ["seconds", Math.floor(micros / 1e6)],
    ["microseconds", micros % 1e6],
  ] as const;
  const shown = parts.filter(([, value]) => value !== 0).map(([name, value]) => `${name}=${value}`);
  return `datetime.timedelta(${shown.length === 0 ? "0" : shown.join(", ")})`;
}

/** Whether two keys are those of ModelCheckpoints that watch the same metric, and differ at most in when they save. */
export function watchesTheSame(key: string, other: string): boolean {
  const watched = (text: string): string | undefined =>
    /^\w+\{'monitor': .*, 'mode': '(?:min|max)'(?=, 'every_n_train_steps': )/.exec(text)?.[0];
  const own = watched(key);
  return own !== undefined && own === watched(other);
}
