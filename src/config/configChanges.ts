import type { HparamValue } from "../core/lightningModule.js";

/** One key whose value two configs do not share. */
export interface ConfigChange {
  readonly key: string;
  readonly before: HparamValue | undefined;
  readonly after: HparamValue | undefined;
}

/** What differs between two plain configs, key by key; lists and values are compared whole. */
export function configChanges(before: unknown, after: unknown, path: readonly string[] = []): ConfigChange[] {
  if (isMapping(before) && isMapping(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap((key) => configChanges(before[key], after[key], [...path, key]));
  }
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  return [{ key: path.join("."), before: before as HparamValue | undefined, after: after as HparamValue | undefined }];
}

/** A plain config with one change made to it. */
export function applyChange(config: unknown, { key, after }: ConfigChange): unknown {
  const [first = "", ...rest] = key.split(".");
  const mapping = isMapping(config) ? config : {};
  const { [first]: before, ...others } = mapping;
  const value = rest.length === 0 ? after : applyChange(before, { key: rest.join("."), before: undefined, after });
  return value === undefined ? others : { ...others, [first]: value };
}

/** A change in one line: `trainer.max_epochs: 2 -> 4`. */
export function describeChange({ key, before, after }: ConfigChange): string {
  return `${key}: ${valueText(before)} -> ${valueText(after)}`;
}

function valueText(value: HparamValue | undefined): string {
  return value === undefined ? "not set" : JSON.stringify(value);
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
