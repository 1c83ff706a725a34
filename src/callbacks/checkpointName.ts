import { pythonFormat } from "./pythonFormat.js";

/** A number of a file name, with Python's kind: epoch and step are ints, metrics floats. */
export interface NameValue {
  readonly value: number;
  readonly isInt: boolean;
}

/** What a file is called when nobody says: `epoch=1-step=10.ckpt`. */
const DEFAULT_TEMPLATE = "{epoch}-{step}";
const KEY = /\{([^{}:]*)(?::([^{}]*))?\}/g;

/**
 * The name, without ".ckpt", that Lightning's ModelCheckpoint makes of a template: `{epoch:03d}-{val_loss:.2f}` becomes
 * `epoch=001-val_loss=0.31`, or `001-0.31` without `insertNames`. A metric that is not there counts as 0.
 */
export function checkpointName(
  template: string | null,
  values: ReadonlyMap<string, NameValue>,
  insertNames: boolean,
): string {
  return (template === null || template === "" ? DEFAULT_TEMPLATE : template).replace(
    KEY,
    (_, name: string, spec: string | undefined) => {
      // Python refuses a bare precision for the int 0; a missing metric must not cost the checkpoint.
      const missing = { value: 0, isInt: !/\.\d+$/.test(spec ?? "") };
      const { value, isInt } = values.get(name) ?? missing;
      return (insertNames ? `${name}=` : "") + pythonFormat(value, spec ?? "", isInt);
    },
  );
}

/** What a template may name: every logged metric, and the counters, which a metric of their name replaces as an int. */
export function nameValues(
  metrics: ReadonlyMap<string, number>,
  counters: Readonly<Record<string, number>>,
): Map<string, NameValue> {
  const values = new Map<string, NameValue>();
  // Lightning keeps metrics as float32 tensors, and their names show it.
  for (const [name, value] of metrics) values.set(name, { value: Math.fround(value), isInt: false });
  for (const [name, counter] of Object.entries(counters)) {
    values.set(name, { value: Math.trunc(values.get(name)?.value ?? counter), isInt: true });
  }
  return values;
}
