import { LtrainError } from "../errors.js";
import { setting } from "../io/environment.js";

/** LTRAIN_REQUEUE, which a job script sets where it starts again what ended with exit code 75. */
export function isRequeueAsked(): boolean {
  return !["", "0", "false"].includes(setting("LTRAIN_REQUEUE") ?? "");
}

/** LTRAIN_GRACE: the seconds that a scheduler gives a run from SIGTERM to SIGKILL; null where nobody has said. */
export function graceAsked(): number | null {
  const text = setting("LTRAIN_GRACE") ?? "";
  if (text === "") return null;
  const seconds = parseSeconds(text);
  if (seconds !== null) return seconds;
  throw new LtrainError("usage.invalid", `LTRAIN_GRACE is a number of seconds, got ${JSON.stringify(text)}`);
}

/** A number of seconds; null where the text is none. */
export function parseSeconds(text: string): number | null {
  const seconds = Number(text);
  return text.trim() !== "" && seconds >= 0 && Number.isFinite(seconds) ? seconds : null;
}
