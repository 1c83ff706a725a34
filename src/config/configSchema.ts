import { z } from "zod";
import { LIGHTNING_ARGUMENTS } from "../trainer/lightningArguments.js";
import { BUILT_IN } from "./builtIn.js";
import type { AnyClassEntry, ClassKind } from "./classEntry.js";
import { KINDS } from "./classEntry.js";
import { INIT_FROM, initFromArgs } from "./initFrom.js";
import { TOP_LEVEL } from "./topLevel.js";
import { GONE, TRAINER_OPTIONS } from "./trainerOptions.js";

/** A JSON Schema, or a part of one. */
export type JSONSchema = { readonly [key: string]: JSONSchema | readonly JSONSchema[] | JSONValue | undefined };
type JSONValue = string | number | boolean | null | readonly JSONValue[];

/** A class in a file: `./net.ts:Net`. */
const FILE_CLASS_PATTERN = "\\.[cm]?[jt]sx?:[A-Za-z_$][A-Za-z0-9_$]*$";

/**
 * The JSON Schema (draft 7, which editors read) of a whole config: every key, every built-in class with its init_args,
 * defaults and docs. What it takes the config loader takes; a class of the user's own has any init_args here.
 */
export function configSchema(): JSONSchema {
  const definitions = Object.fromEntries([
    ...BUILT_IN.map((entry): [string, JSONSchema] => [
      definitionName(entry),
      openToReferences({ title: entry.name, ...toSchema(entry.args), description: entry.description }),
    ]),
    [REFERENCE, { type: "string", pattern: "\\$\\{.+\\}", description: "Another key's value, or ${oc.env:NAME}." }],
    ...(Object.keys(KINDS) as ClassKind[]).map((kind): [string, JSONSchema] => [kind, classOf(kind)]),
  ]);
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "ltrain config",
    description: "What `ltrain train --config FILE` reads: LightningCLI's form.",
    type: "object",
    properties: {
      $schema: { type: "string", description: "Where this schema is, for editors." },
      ...shapeOf(TOP_LEVEL),
      model: { ...reference("model"), description: "The LightningModule to train." },
      data: { ...reference("data"), description: "The LightningDataModule with the batches." },
      optimizer: orNull("optimizer", "In place of the optimizer that the module configures itself."),
      lr_scheduler: orNull("lr_scheduler", "The learning rate scheduler of `optimizer`."),
      trainer: {
        description: "The trainer's options.",
        anyOf: [{ type: "object", properties: trainerProperties(), additionalProperties: false }, { type: "null" }],
      },
    },
    additionalProperties: false,
    definitions,
  };
}

function trainerProperties(): Record<string, JSONSchema> {
  return {
    ...shapeOf(TRAINER_OPTIONS),
    callbacks: {
      description: "Callbacks beside the trainer's own: a class or a list of classes.",
      anyOf: [reference("callback"), { type: "array", items: reference("callback") }, { type: "null" }],
    },
    logger: {
      description: "true: a CSVLogger; false: none; or a class or a list of classes.",
      default: true,
      anyOf: [{ type: ["boolean", "null"] }, reference("logger"), { type: "array", items: reference("logger") }],
    },
    ...Object.fromEntries(
      Object.entries(LIGHTNING_ARGUMENTS).map(([key, { accepts, answer }]): [string, JSONSchema] => [
        key,
        {
          description: `Lightning's, and read as LightningCLI saves it; ${answer}.`,
          anyOf: [{ enum: accepts as readonly JSONValue[] }, reference(REFERENCE)],
        },
      ]),
    ),
    ...Object.fromEntries(
      Object.entries(GONE).map(([key, text]): [string, JSONSchema] => [
        key,
        { not: {}, deprecated: true, description: text },
      ]),
    ),
  };
}

/** A class of a kind as a config may write it: a bare name, or class_path and the init_args that class takes. */
function classOf(kind: ClassKind): JSONSchema {
  const entries = BUILT_IN.filter((entry) => entry.kind === kind);
  const classPath = {
    description: `A built-in ${KINDS[kind].label}, or a class of your own as ./file.ts:ClassName.`,
    anyOf: [{ enum: entries.flatMap(namesOf) }, { type: "string", pattern: FILE_CLASS_PATTERN }],
  };
  return {
    description: `A ${KINDS[kind].label}: ${entries.map(({ name }) => name).join(", ")}, or a class of your own.`,
    anyOf: [
      classPath,
      {
        type: "object",
        properties: {
          class_path: classPath,
          init_args: { description: "What the constructor gets." },
          ...(kind === "model" ? { [INIT_FROM]: initFromSchema() } : {}),
        },
        required: ["class_path"],
        additionalProperties: false,
        allOf: entries.map((entry) => ({
          if: { properties: { class_path: { enum: namesOf(entry) } } },
          then: withInitArgs(entry),
        })),
      },
    ],
  };
}

function initFromSchema(): JSONSchema {
  return {
    description: "Where the model's first weights come from: a path, or a mapping with one.",
    anyOf: [{ type: "string" }, toSchema(initFromArgs), { type: "null" }],
  };
}

/** Where class_path names this class: its init_args, which may be left out when nothing in them is required. */
function withInitArgs(entry: AnyClassEntry): JSONSchema {
  const args = reference(definitionName(entry));
  const required = "required" in toSchema(entry.args);
  return {
    properties: { init_args: required ? args : { anyOf: [args, { type: "null" }] } },
    ...(required ? { required: ["init_args"] } : {}),
  };
}

function shapeOf(shape: Readonly<Record<string, z.ZodType>>): Record<string, JSONSchema> {
  return Object.fromEntries(Object.entries(shape).map(([key, schema]) => [key, orReference(toSchema(schema))]));
}

/** What an interpolation may stand for, beside what it may be. */
const REFERENCE = "interpolation";

/** An object's schema in which every value may be a `${...}`. */
function openToReferences(schema: JSONSchema): JSONSchema {
  const properties = (schema["properties"] ?? {}) as Readonly<Record<string, JSONSchema>>;
  return {
    ...schema,
    properties: Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, orReference(value)])),
  };
}

/** A value's schema that takes `${...}` too; docs and default stay outside, where editors look for them. */
function orReference(schema: JSONSchema): JSONSchema {
  const { description, default: fallback, ...value } = schema;
  if (value["type"] === "string" && value["enum"] === undefined) return schema;
  return {
    ...(description === undefined ? {} : { description }),
    ...(fallback === undefined ? {} : { default: fallback }),
    anyOf: [value, reference(REFERENCE)],
  };
}

function toSchema(schema: z.ZodType): JSONSchema {
  const whole = z.toJSONSchema(schema, { io: "input", target: "draft-7", unrepresentable: "any" });
  return Object.fromEntries(
    Object.entries(whole)
      .filter(([key]) => key !== "$schema" && key !== "~standard")
      .map(([key, value]) => [key, tidied(value)]),
  ) as JSONSchema;
}

/** zod bounds every integer by the safe ones, which says nothing. */
const isSafeBound = (key: string, bound: unknown): boolean =>
  /^m(in|ax)imum$/.test(key) && Math.abs(Number(bound)) >= Number.MAX_SAFE_INTEGER;

/** A schema without what tells editors nothing: bounds that every integer has, and our own word `expected`. */
function tidied(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(tidied);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, part]) => !isSafeBound(key, part) && !(key === "expected" && typeof part === "string"))
      .map(([key, part]) => [key, tidied(part)]),
  );
}

const namesOf = ({ name, paths }: AnyClassEntry): readonly string[] => [...new Set([name, ...paths])];
const definitionName = ({ kind, name }: AnyClassEntry): string => `${kind}.${name}`;
const reference = (name: string): JSONSchema => ({ $ref: `#/definitions/${name}` });
const orNull = (kind: ClassKind, description: string): JSONSchema => ({
  description,
  default: null,
  anyOf: [reference(kind), { type: "null" }],
});
