import { Parameter } from "../../src/nn/parameter.js";
import { AdamW, CosineAnnealingLR, SGD } from "../../src/optim/index.js";
import { asNumber } from "../../src/pickle/convert.js";
import { PyDict } from "../../src/pickle/values.js";
import { float32Tensor } from "../../src/storage/hostTensor.js";
import { fixtureJson } from "../tensor/fixture.js";

interface Schedule {
  readonly arguments: { readonly T_max: number; readonly eta_min?: number };
  readonly rates: readonly (readonly number[])[];
  readonly state: Readonly<Record<string, unknown>>;
}
const schedules = fixtureJson("optim/schedules.json") as Readonly<Record<string, Schedule>>;
const parameter = (): Parameter => new Parameter(float32Tensor(new Float32Array(1), [1]));

test.each(Object.entries(schedules))("%s has torch's learning rates to the last bit, and its state", (_name, truth) => {
  const groups = [0.1, 0.05].map((lr) => ({ params: [parameter()], lr }));
  const optimizer = new SGD(groups, { lr: 0.1 });
  const { T_max: tMax, eta_min: etaMin } = truth.arguments;
  const make = (): CosineAnnealingLR =>
    new CosineAnnealingLR(optimizer, { tMax, ...(etaMin === undefined ? {} : { etaMin }) });
  const schedule = make();
  const rates = [schedule.lastLr];
  while (rates.length < truth.rates.length) {
    schedule.step();
    rates.push(optimizer.paramGroups.map(({ lr }) => lr));
  }
  expect(rates).toEqual(truth.rates);
  const plain = [...schedule.stateDict()].map(([key, value]) => [
    key,
    Array.isArray(value) ? value.map(asNumber) : typeof value === "boolean" ? value : asNumber(value),
  ]);
  expect(plain).toEqual(Object.entries(truth.state));
});

test("an epoch count that is none is refused", () => {
  const optimizer = new SGD([parameter()], { lr: 0.1 });
  expect(() => new CosineAnnealingLR(optimizer, { tMax: 0 })).toThrow("tMax is a whole number from 1");
});

test("AdamW's state has Adam's keys in torch's order, with its own decay", async () => {
  const dict = await new AdamW([parameter()]).stateDict((variable) => variable.read());
  const groups = dict.get("param_groups") as PyDict[];
  const [group] = groups;
  // list(torch.optim.AdamW([p]).state_dict()["param_groups"][0])
  expect(group?.keys()).toEqual([
    "lr", "betas", "eps", "weight_decay", "amsgrad", "maximize", "foreach", "capturable", "differentiable", "fused",
    "decoupled_weight_decay", "params",
  ]); // prettier-ignore
  expect([asNumber(group?.get("weight_decay")), group?.get("decoupled_weight_decay")]).toEqual([0.01, true]);
});
