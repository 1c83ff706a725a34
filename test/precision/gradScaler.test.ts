import { LtrainError } from "../../src/errors.js";
import { loadCheckpoint } from "../../src/checkpoint/checkpointIO.js";
import { PyDict, PyFloat } from "../../src/pickle/values.js";
import { createPrecision } from "../../src/precision/createPrecision.js";
import { GradScaler } from "../../src/precision/gradScaler.js";
import { fileURLToPath } from "node:url";
import { fixture } from "./fixture.js";

interface ScalerRun {
  readonly options: Readonly<Record<string, number>>;
  readonly found_inf: readonly number[];
  readonly steps: readonly { readonly state: Readonly<Record<string, number>> }[];
}

const OPTIONS = {
  init_scale: "initScale",
  growth_factor: "growthFactor",
  backoff_factor: "backoffFactor",
  growth_interval: "growthInterval",
} as const;
const FLOATS = ["scale", "growth_factor", "backoff_factor"];
const RUNS = fixture("gradScaler.json") as readonly ScalerRun[];

function scalerOf(options: ScalerRun["options"]): GradScaler {
  const named = Object.entries(options).map(([name, value]) => [OPTIONS[name as keyof typeof OPTIONS], value]);
  return new GradScaler(Object.fromEntries(named) as object);
}

/** torch's state with Python's types: floats stay floats. */
function pyState(state: Readonly<Record<string, number>>): PyDict {
  return new PyDict(
    Object.entries(state).map(([key, value]) => [key, FLOATS.includes(key) ? new PyFloat(value) : value]),
  );
}

test.each(RUNS.map((run) => [JSON.stringify(run.options), run] as const))(
  "GradScaler(%s) has torch's state, field by field and type by type, after every step",
  (_, { options, found_inf: infs, steps }) => {
    const scaler = scalerOf(options);
    infs.forEach((inf, i) => {
      scaler.update(inf === 1);
      expect([...scaler.stateDict()]).toEqual([...pyState(steps[i]?.state ?? {})]);
    });
  },
);

test("a GradScaler that takes over a state goes on as the one that gave it", () => {
  const run = RUNS[1];
  if (run === undefined) throw new Error("no such run");
  const resumed = new GradScaler();
  resumed.loadStateDict(pyState(run.steps[4]?.state ?? {}));
  run.found_inf.slice(5).forEach((inf, i) => {
    resumed.update(inf === 1);
    expect([...resumed.stateDict()]).toEqual([...pyState(run.steps[5 + i]?.state ?? {})]);
  });
});

test("a state that lacks a field is malformed, and nothing of it is taken", () => {
  const scaler = new GradScaler();
  const state = pyState({ scale: 2, growth_factor: 2, backoff_factor: 0.5, growth_interval: 7 });
  expect(() => {
    scaler.loadStateDict(state);
  }).toThrow(LtrainError);
  expect(scaler.scale).toBe(65536);
});

test.each([
  ["precision-16-mixed.ckpt", "MixedPrecision"],
  ["old-v1.0-amp-apex.ckpt", "native_amp_scaling_state"],
  ["old-v1.9.0.ckpt", "NativeMixedPrecisionPlugin"],
])("16-mixed takes the scaler of Lightning's %s, under %s", async (file, key) => {
  const path = fileURLToPath(new URL(`../fixtures/lightning/${file}`, import.meta.url));
  const { checkpoint, close } = await loadCheckpoint(path);
  try {
    expect(checkpoint.precision?.key).toBe(key);
    const precision = createPrecision("16-mixed");
    expect(precision.takes(key)).toBe(true);
    const state = checkpoint.precision?.state ?? new PyDict();
    precision.loadStateDict(state);
    expect([...(precision.stateDict() ?? [])]).toEqual([...state]);
  } finally {
    await close();
  }
});

test("Lightning's aliases stand for its names, and what is not there is said with what is", () => {
  const names = [16, "16", "bf16", 32, "32", "16-true", "bf16-true"].map((alias) => createPrecision(alias).name);
  expect(names).toEqual(["16-mixed", "16-mixed", "bf16-mixed", "32-true", "32-true", "16-true", "bf16-true"]);
  expect(() => createPrecision("64-true")).toThrow('trainer.precision "64-true" is not there');
});
