import { z } from "zod";

/** The parts of a JSON schema that a sentence about an expected value is made of. */
interface ValueSchema {
  readonly expected?: string;
  readonly type?: string | readonly string[];
  readonly const?: string | number | boolean | null;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly ValueSchema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly items?: ValueSchema;
  readonly prefixItems?: readonly ValueSchema[];
}

/** What a schema takes, in words: "an integer of at least 1 or null". `meta({ expected })` says it better where given. */
export function expectationOf(schema: z.core.$ZodType): string {
  try {
    return words(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as ValueSchema);
  } catch {
    return "another value"; // a schema of the user's own zod, which this one cannot read
  }
}

function words(schema: ValueSchema): string {
  if (schema.expected !== undefined) return schema.expected;
  if (schema.anyOf !== undefined) return alternatives(schema.anyOf.map(words));
  if (schema.enum !== undefined) return `one of ${schema.enum.map(String).join(", ")}`;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const { type } = schema;
  if (typeof type === "object") return alternatives(type.map((one) => words({ ...schema, type: one })));
  switch (type) {
    case "null":
      return "null";
    case "boolean":
      return "true or false";
    case "string":
      return "text";
    case "integer":
      return `an integer${range(schema)}`;
    case "number":
      return `a number${range(schema)}`;
    case "array":
      return arrayWords(schema);
    case "object":
      return "a mapping";
    default:
      return "another value";
  }
}

function alternatives(parts: readonly string[]): string {
  const last = parts.at(-1) ?? "";
  return parts.length < 2 ? last : `${parts.slice(0, -1).join(", ")} or ${last}`;
}

function arrayWords(schema: ValueSchema): string {
  const { prefixItems } = schema;
  if (prefixItems?.[0] !== undefined) return `a list of ${prefixItems.length}: each ${words(prefixItems[0])}`;
  return schema.items === undefined ? "a list" : `a list, each item ${words(schema.items)}`;
}

function range(schema: ValueSchema): string {
  const minimum = real(schema.minimum);
  const maximum = real(schema.maximum);
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`;
  const parts = [
    minimum === undefined ? [] : [`of at least ${minimum}`],
    schema.exclusiveMinimum === undefined ? [] : [`above ${schema.exclusiveMinimum}`],
    maximum === undefined ? [] : [`of at most ${maximum}`],
    schema.exclusiveMaximum === undefined ? [] : [`below ${schema.exclusiveMaximum}`],
  ].flat();
  return parts.length === 0 ? "" : ` ${parts.join(" and ")}`;
}

/** zod bounds every integer by the safe ones; that is nothing to tell. */
function real(bound: number | undefined): number | undefined {
  return bound === undefined || Math.abs(bound) >= Number.MAX_SAFE_INTEGER ? undefined : bound;
}
