import { LtrainError } from "../errors.js";

const SECONDS_PER = {
  weeks: 604_800,
  days: 86_400,
  hours: 3600,
  minutes: 60,
  seconds: 1,
  milliseconds: 1e-3,
  microseconds: 1e-6,
} as const;

/** Parts of a length of time, as Python's timedelta names them. */
export type DurationParts = {
  readonly [unit in keyof typeof SECONDS_PER]?: number;
};

/** A length of time: seconds, Lightning's "DD:HH:MM:SS", or parts such as { hours: 1, minutes: 30 }. */
export type Duration = number | string | DurationParts;

/** "DD:HH:MM:SS". */
const LIGHTNING = /^\s*(\d+):(\d\d):(\d\d):(\d\d)\s*$/;
/** What Python's str() makes of a timedelta, and LightningCLI writes: "0:30:00", "1 day, 2:03:04.500000". */
const TIMEDELTA = /^\s*(?:(\d+) days?, )?(\d+):(\d\d):(\d\d(?:\.\d+)?)\s*$/;

/** Seconds of a length of time; what is none is config.invalid, `name` saying whose it is. */
export function secondsOf(name: string, duration: Duration, takesTimedelta = false): number {
  const seconds = typeof duration === "number" ? duration : sumOf(partsOf(duration, takesTimedelta));
  if (Number.isFinite(seconds) && seconds >= 0) return seconds;
  throw new LtrainError("config.invalid", `${name}: ${JSON.stringify(duration)} is not a length of time`, {
    hint: `write seconds, "DD:HH:MM:SS", or parts: ${Object.keys(SECONDS_PER).join(", ")}`,
  });
}

/** Whole seconds as Python's str() of a timedelta has them: "0:00:07", "1 day, 2:03:04". */
export function clockText(seconds: number): string {
  const whole = Math.trunc(seconds);
  const days = Math.floor(whole / SECONDS_PER.days);
  const two = (n: number): string => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600) % 24;
  const clock = `${hours}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  return days === 0 ? clock : `${days} day${days === 1 ? "" : "s"}, ${clock}`;
}

/** null where it is none. */
function partsOf(duration: string | DurationParts, takesTimedelta: boolean): DurationParts | null {
  if (typeof duration !== "string") return duration;
  const match = LIGHTNING.exec(duration) ?? (takesTimedelta ? TIMEDELTA.exec(duration) : null);
  if (match === null) return null;
  const [, days = 0, hours = 0, minutes = 0, seconds = 0] = match.map((part) =>
    Number((part as string | undefined) ?? 0),
  );
  return { days, hours, minutes, seconds };
}

function sumOf(parts: DurationParts | null): number {
  let sum = 0;
  for (const [unit, count] of Object.entries(parts ?? { none: Number.NaN })) {
    sum += count * (Object.hasOwn(SECONDS_PER, unit) ? SECONDS_PER[unit as keyof typeof SECONDS_PER] : Number.NaN);
  }
  return sum;
}
