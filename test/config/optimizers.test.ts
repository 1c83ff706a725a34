import { BUILT_IN_OPTIMIZERS } from "../../src/config/builtInOptimizers.js";
import { BUILT_IN_SCHEDULERS } from "../../src/config/builtInSchedulers.js";
import type { LRSchedulerConfig } from "../../src/core/lightningModule.js";
import { Parameter } from "../../src/nn/parameter.js";
import { SGD, type Optimizer } from "../../src/optim/index.js";
import { PyDict } from "../../src/pickle/values.js";
import { float32Tensor } from "../../src/storage/hostTensor.js";
import { optimizerOf, scheduleOf, type Arguments } from "../optim/build.js";
import { toTyped, type Typed } from "../optim/typed.js";

const params = (): Parameter[] => [new Parameter(float32Tensor(new Float32Array(1), [1]))];
const optionsOf = ({ paramGroups }: Optimizer): Typed[] =>
  paramGroups.map(({ options }) => toTyped(new PyDict(options)));

test.each(BUILT_IN_OPTIMIZERS.map((entry) => [entry.name, entry] as const))(
  "the schema of %s has torch's options with torch's defaults",
  async (name, { args, load }) => {
    const build = await load();
    expect(optionsOf(build(args.parse({}), params()))).toEqual(optionsOf(optimizerOf(name, params(), {})));
  },
);

/** What each schedule must be given, and some of what it may. */
const NEEDED: Readonly<Record<string, Arguments>> = {
  StepLR: { step_size: 3 },
  MultiStepLR: { milestones: [2, 5] },
  ExponentialLR: { gamma: 0.5 },
  ConstantLR: {},
  LinearLR: {},
  PolynomialLR: {},
  CosineAnnealingLR: { T_max: 5 },
  CosineAnnealingWarmRestarts: { T_0: 5, T_mult: 2 },
  CyclicLR: { base_lr: 0.1, max_lr: 0.2 },
  OneCycleLR: { max_lr: 0.2, total_steps: 9 },
  ReduceLROnPlateau: {},
  SWALR: { swa_lr: 0.05 },
  SequentialLR: {
    schedulers: [
      ["LinearLR", { total_iters: 2 }],
      ["CosineAnnealingLR", { T_max: 5 }],
    ],
    milestones: [2],
  },
  ChainedScheduler: { schedulers: [["ConstantLR", {}]] },
};

/** Schedules inside another one as YAML has them. */
function asYaml(given: Arguments): Arguments {
  const inner = given["schedulers"] as readonly (readonly [string, Arguments])[] | undefined;
  if (inner === undefined) return given;
  const schedulers = inner.map(([name, own]) => ({ class_path: `torch.optim.lr_scheduler.${name}`, init_args: own }));
  return { ...given, schedulers };
}

test.each(BUILT_IN_SCHEDULERS.map((entry) => [entry.name, entry] as const))(
  "the schema of %s has torch's arguments with torch's defaults, and Lightning's interval, frequency, monitor and strict",
  async (name, { args, load }) => {
    const build = await load();
    const [ours, theirs] = [1, 2].map(() => new SGD(params(), { lr: 0.1, momentum: 0.9 }));
    if (ours === undefined || theirs === undefined) throw new Error("two optimizers");
    const needed = NEEDED[name] ?? {};
    const rhythm = { interval: "step", frequency: 2, monitor: "val_loss", strict: false };
    const { scheduler, ...others } = build(args.parse({ ...asYaml(needed), ...rhythm }), ours) as LRSchedulerConfig;
    expect(others).toEqual(rhythm);
    expect(toTyped(scheduler.stateDict())).toEqual(toTyped(scheduleOf(theirs, name, needed).stateDict()));
    expect(optionsOf(ours)).toEqual(optionsOf(theirs));
  },
);

test("a schedule inside another one that is not there, or has wrong arguments, is told with its place", async () => {
  const entry = BUILT_IN_SCHEDULERS.find(({ name }) => name === "ChainedScheduler");
  if (entry === undefined) throw new Error("no ChainedScheduler");
  const build = await entry.load();
  const chained = (path: string, own: Arguments) => (): unknown =>
    build(entry.args.parse({ schedulers: [{ class_path: path, init_args: own }] }), new SGD(params(), { lr: 1 }));
  expect(chained("StpLR", {})).toThrow("schedulers.0.class_path: there is no built-in scheduler StpLR");
  expect(chained("StepLR", { step_size: 0 })).toThrow("lr_scheduler.init_args.schedulers.0.init_args.step_size");
});
