import { z } from "zod";

/** "DD:HH:MM:SS", as Lightning writes a length of time. */
const CLOCK = /^\s*\d+:\d\d:\d\d:\d\d\s*$/;
/** Python's str() of a timedelta, as LightningCLI writes one. */
const TIMEDELTA = /^\s*(\d+ days?, )?\d+:\d\d:\d\d(\.\d+)?\s*$/;

/** The parts of a length of time, as Python's timedelta names them. */
const parts = z.strictObject({
  weeks: z.number().optional(),
  days: z.number().optional(),
  hours: z.number().optional(),
  minutes: z.number().optional(),
  seconds: z.number().optional(),
  milliseconds: z.number().optional(),
  microseconds: z.number().optional(),
});

/** A length of time that is not a plain number. */
export const clockArg = z.union([z.string().regex(CLOCK), parts]);

/** A length of time, or null. */
export const durationArg = z.union([z.number().min(0), clockArg, z.null()]);

/** The same, also as LightningCLI writes a timedelta. */
export const timedeltaArg = z.union([
  z.number().min(0),
  z.string().regex(CLOCK),
  z.string().regex(TIMEDELTA),
  parts,
  z.null(),
]);

/** What is said when it is none. */
export const DURATION_EXPECTED = 'seconds, "DD:HH:MM:SS", a mapping such as {hours: 1, minutes: 30}, or null';
