import { Parameter } from "../../src/nn/parameter.js";
import {
  ChainedScheduler,
  CyclicLR,
  LambdaLR,
  LRScheduler,
  MultiplicativeLR,
  OneCycleLR,
  ReduceLROnPlateau,
  SequentialLR,
  SGD,
  StepLR,
  Adagrad,
  ConstantLR,
  type Optimizer,
  type StatefulFactor,
} from "../../src/optim/index.js";
import { asItems, asNumber } from "../../src/pickle/convert.js";
import { PyDict, PyFloat, type PyValue } from "../../src/pickle/values.js";
import { float32Tensor } from "../../src/storage/hostTensor.js";
import { fixtureJson } from "../tensor/fixture.js";
import { optimizerOf, scheduleOf, type Arguments } from "./build.js";
import { dictOf, fromTyped, toTyped, type Typed } from "./typed.js";

interface Moment {
  readonly state: Typed;
  readonly groups: Typed;
}
interface Schedule {
  readonly scheduler: string;
  readonly arguments: Arguments;
  readonly optimizer: string;
  /** For each step: rate and momentum of the first group, then of the second. */
  readonly rates: readonly (readonly (number | null)[])[];
  readonly metrics?: readonly number[];
  readonly start: Moment;
  readonly middle: Moment;
  readonly end: Moment;
}
const schedules = fixtureJson("optim/schedules.json") as Readonly<Record<string, Schedule>>;
const MIDDLE = 57;

const parameter = (): Parameter => new Parameter(float32Tensor(new Float32Array(1), [1]));
const groupsOf = (): object[] => [0.1, 0.05].map((lr) => ({ params: [parameter()], lr }));

function make({ scheduler, arguments: given, optimizer: name }: Schedule): {
  optimizer: Optimizer;
  schedule: LRScheduler;
} {
  const optimizer = optimizerOf(name, groupsOf(), { lr: 0.1, ...(name === "SGD" && { momentum: 0.9 }) });
  return { optimizer, schedule: scheduleOf(optimizer, scheduler, given) };
}

function ratesOf({ paramGroups }: Optimizer): (number | null)[] {
  return paramGroups.flatMap(({ lr, options }) => {
    const [beta1] = asItems(options.get("betas")) ?? [];
    return [lr, asNumber(options.get("momentum") ?? beta1) ?? null];
  });
}

async function momentOf(optimizer: Optimizer, schedule: LRScheduler): Promise<Moment> {
  const state = await optimizer.stateDict((variable) => variable.read());
  return { state: toTyped(schedule.stateDict()), groups: toTyped(state.get("param_groups") ?? null) };
}

async function load(optimizer: Optimizer, groups: Typed): Promise<void> {
  const dict = new PyDict([
    ["state", new PyDict()],
    ["param_groups", fromTyped(groups)],
  ] as [PyValue, PyValue][]);
  await optimizer.loadStateDict(dict, () => undefined);
}

describe.each(Object.entries(schedules))("%s", (_name, truth) => {
  test("has torch's rates and momenta to the last bit over 130 steps, and its state and options at each end", async () => {
    const { optimizer, schedule } = make(truth);
    expect(await momentOf(optimizer, schedule)).toEqual(truth.start);
    const rates = [ratesOf(optimizer)];
    for (let i = 0; i + 1 < truth.rates.length; i += 1) {
      schedule.step(truth.metrics?.[i]);
      rates.push(ratesOf(optimizer));
      if (i + 1 === MIDDLE) expect(await momentOf(optimizer, schedule)).toEqual(truth.middle);
    }
    expect(rates).toEqual(truth.rates);
    expect(await momentOf(optimizer, schedule)).toEqual(truth.end);
  });

  test("goes on from torch's state in the middle", async () => {
    const { optimizer, schedule } = make(truth);
    await load(optimizer, truth.middle.groups);
    schedule.loadStateDict(dictOf(truth.middle.state));
    expect(await momentOf(optimizer, schedule)).toEqual(truth.middle);
    const rates = [ratesOf(optimizer)];
    for (let i = MIDDLE; i + 1 < truth.rates.length; i += 1) {
      schedule.step(truth.metrics?.[i]);
      rates.push(ratesOf(optimizer));
    }
    expect(rates).toEqual(truth.rates.slice(MIDDLE));
    expect(await momentOf(optimizer, schedule)).toEqual(truth.end);
  });
});

describe("a factor", () => {
  const sgd = (): SGD => new SGD([parameter()], { lr: 1 });
  class Halving implements StatefulFactor {
    calls = 0;
    factor(): number {
      this.calls += 1;
      return 0.5 ** this.calls;
    }
    stateDict(): PyDict {
      return PyDict.from({ calls: this.calls });
    }
    loadStateDict(state: PyDict): void {
      this.calls = asNumber(state.get("calls")) ?? 0;
    }
  }

  test("with a state keeps it in the scheduler's, as torch keeps a callable's __dict__", () => {
    const schedule = new LambdaLR(sgd(), { lrLambda: new Halving() });
    schedule.step();
    expect(toTyped(schedule.stateDict().get("lr_lambdas") ?? null)).toEqual([{ dict: [["calls", { int: 2 }]] }]);
    const again = new Halving();
    const resumed = new LambdaLR(sgd(), { lrLambda: again });
    resumed.loadStateDict(schedule.stateDict());
    expect(again.calls).toBe(2);
    resumed.step();
    expect(resumed.lastLr).toEqual([0.125]);
  });

  test("that is a function here keeps what a file had for a callable", () => {
    const schedule = new MultiplicativeLR(sgd(), { lrLambda: () => 0.5 });
    const kept = PyDict.from({ warmup: 7 });
    schedule.loadStateDict(schedule.stateDict().set("lr_lambdas", [kept]));
    expect(schedule.stateDict().get("lr_lambdas")).toEqual([kept]);
  });

  test("can be the scale of a CyclicLR", () => {
    const optimizer = sgd();
    const schedule = new CyclicLR(optimizer, {
      baseLr: 0,
      maxLr: 1,
      stepSizeUp: 2,
      scaleFn: (cycle) => 1 / cycle,
      cycleMomentum: false,
    });
    const rates = Array.from({ length: 6 }, () => {
      schedule.step();
      return optimizer.paramGroups[0]?.lr;
    });
    expect(rates).toEqual([0.5, 1, 0.5, 0, 0.25, 0.5]); // up and down to 1, then to 1/2
  });
});

describe("what torch refuses is refused:", () => {
  const sgd = (): SGD => new SGD([parameter()], { lr: 1 });
  const cases: [string, () => unknown, string][] = [
    ["momentum where there is none", () => new OneCycleLR(new Adagrad([parameter()]), { maxLr: 1, totalSteps: 5 }), "Adagrad has neither momentum nor betas"],
    ["a cycle without a length", () => new OneCycleLR(sgd(), { maxLr: 1 }), "needs total_steps, or epochs and steps_per_epoch"],
    ["a plateau in a sequence", () => new SequentialLR(sgd(), { schedulers: [new ReduceLROnPlateau(sgd())], milestones: [] }), "ReduceLROnPlateau, which must be told a metric"],
    ["schedules of different optimizers", () => new ChainedScheduler(sgd(), { schedulers: [new StepLR(sgd(), { stepSize: 1 })] }), "belongs to another optimizer"],
    ["as many milestones as schedules", () => {
      const optimizer = sgd();
      return new SequentialLR(optimizer, { schedulers: [new ConstantLR(optimizer)], milestones: [1] });
    }, "1 schedules have 0 milestones between them, got 1"],
    ["a plateau that is told nothing", () => { new ReduceLROnPlateau(sgd()).step(); }, "must be told the metric"],
    ["lambdas for other groups", () => new LambdaLR(sgd(), { lrLambda: [() => 1, () => 2] }), "lrLambda has 2 values, the optimizer has 1 groups"],
    ["lastEpoch of what was never scheduled", () => new StepLR(sgd(), { stepSize: 1, lastEpoch: 3 }), "has no initial_lr to go on from"],
    ["a factor that does not reduce", () => new ReduceLROnPlateau(sgd(), { factor: 1 }), "factor is below 1, got 1"],
  ]; // prettier-ignore
  test.each(cases)("%s", (_what, build, message) => {
    expect(build).toThrow(message);
  });

  test("more steps than a OneCycleLR has", () => {
    const schedule = new OneCycleLR(sgd(), { maxLr: 1, totalSteps: 2 });
    schedule.step();
    schedule.step();
    expect(() => {
      schedule.step();
    }).toThrow("OneCycleLR was to take 2 steps, and is asked for step 3");
  });
});

test("a nested SequentialLR can only come first, as in torch, and it is said so", () => {
  const optimizer = new SGD([parameter()], { lr: 1 });
  const inner = new SequentialLR(optimizer, { schedulers: [new ConstantLR(optimizer)], milestones: [] });
  expect(
    () => new SequentialLR(optimizer, { schedulers: [new ConstantLR(optimizer), inner], milestones: [3] }),
  ).toThrow("schedule 1 is a SequentialLR, which torch lets stand in first place only");
});

test("lastEpoch goes on where the groups say they began", () => {
  const optimizer = new SGD([{ params: [parameter()], lr: 0.25, initialLr: 1 }]);
  const schedule = new StepLR(optimizer, { stepSize: 2, gamma: 0.5, lastEpoch: 4 });
  // torch 2.13: the first step is to epoch 5, where nothing is due; then epoch 6
  expect([schedule.lastEpoch, schedule.lastLr]).toEqual([5, [0.25]]);
  schedule.step();
  expect(schedule.lastLr).toEqual([0.125]);
});

test("a state of another number of schedules is a mismatch", () => {
  const optimizer = new SGD([parameter()], { lr: 1 });
  const two = (): LRScheduler[] => [new ConstantLR(optimizer), new ConstantLR(optimizer)];
  const state = new ChainedScheduler(optimizer, { schedulers: two() }).stateDict();
  const one = new ChainedScheduler(optimizer, { schedulers: two().slice(1) });
  expect(() => {
    one.loadStateDict(state);
  }).toThrow("ChainedScheduler has 1 schedules here, 2 in the checkpoint");
});

test("a plateau's least rate serves groups that come later", () => {
  const optimizer = new SGD([parameter()], { lr: 1 });
  const schedule = new ReduceLROnPlateau(optimizer, { factor: 0.5, patience: 0, minLr: 0.3 });
  optimizer.addParamGroup({ params: [parameter()], lr: 0.5 });
  for (const metric of [1, 2, 3]) schedule.step(metric);
  expect(optimizer.paramGroups.map(({ lr }) => lr)).toEqual([0.3, 0.3]);
  expect(schedule.stateDict().get("min_lrs")).toEqual([new PyFloat(0.3), new PyFloat(0.3)]);
});
