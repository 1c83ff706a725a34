import { z } from "zod";

/** A count or a size: a whole number from 0. */
export const whole = (description: string): z.ZodType => z.int().min(0).describe(description);
/** Text. */
export const text = (description: string): z.ZodType => z.string().describe(description);
/** true or false. */
export const flag = (description: string): z.ZodType => z.boolean().describe(description);
/** A number; JSON has none for NaN and the infinities, which are words. */
export const real = (description: string): z.ZodType => z.union([z.number(), NOT_FINITE]).describe(description);
/** Any value of a file as JSON. */
export const anything = (description: string): z.ZodType => z.unknown().describe(description);
/** A list of the same. */
export const list = (item: z.ZodType, description: string): z.ZodType => z.array(item).describe(description);
/** An object with these members, all of them there unless they are optional. */
export const object = (members: Members, description: string): z.ZodType => z.object(members).describe(description);
/** An object whose keys are names: of metrics, of files. */
export const named = (item: z.ZodType, description: string): z.ZodType =>
  z.record(z.string(), item).describe(description);
/** The same, or null. */
export const orNull = (schema: z.ZodType): z.ZodType => schema.nullable().describe(schema.description ?? "");
/** The same, where it applies. */
export const maybe = (schema: z.ZodType): z.ZodType => schema.optional().describe(schema.description ?? "");

/** The members of an object, each with its description. */
export type Members = Readonly<Record<string, z.ZodType>>;

const NOT_FINITE = z.enum(["nan", "inf", "-inf"]);

/** The first member of every object. */
export const VERSION = {
  schema_version: z.literal(1).describe("1; raised when a member goes or changes its meaning, not when one comes"),
};

/** Sizes along the axes of a tensor. */
export const shape = (description: string): z.ZodType => list(z.int().min(0), description);

/** A named number. */
export const metric = (description: string): z.ZodType =>
  object({ name: text("of the metric"), value: real("what it was") }, description);

/** Metrics by their names. */
export const metrics = (description: string): z.ZodType => named(real("a value"), description);
