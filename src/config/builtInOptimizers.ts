import { camelKeys } from "./camelKeys.js";
import type { Builders, ClassEntry } from "./classEntry.js";
import {
  adadeltaArgs,
  adagradArgs,
  adamArgs,
  adamaxArgs,
  adamWArgs,
  nAdamArgs,
  rAdamArgs,
  rmspropArgs,
  sgdArgs,
} from "./optimizerArgs.js";
import type { Parameter } from "../nn/parameter.js";
import type { Optimizer } from "../optim/optimizer.js";

type OptimizerClass = new (params: readonly Parameter[], options: Record<string, never>) => Optimizer;

/** torch's optimizers. */
export const BUILT_IN_OPTIMIZERS: readonly ClassEntry<"optimizer">[] = [
  optimizer("SGD", "sgd", "Stochastic gradient descent, with momentum when it is asked for.", sgdArgs, async () => {
    return (await import("../optim/sgd.js")).SGD;
  }),
  optimizer("Adam", "adam", "Adam.", adamArgs, async () => (await import("../optim/adam.js")).Adam),
  optimizer("AdamW", "adamw", "Adam with weight decay beside the gradient instead of in it.", adamWArgs, async () => {
    return (await import("../optim/adamW.js")).AdamW;
  }),
  optimizer("RMSprop", "rmsprop", "Divides by a running average of the gradient's size.", rmspropArgs, async () => {
    return (await import("../optim/rmsprop.js")).RMSprop;
  }),
  optimizer("Adagrad", "adagrad", "Divides by all gradients so far.", adagradArgs, async () => {
    return (await import("../optim/adagrad.js")).Adagrad;
  }),
  optimizer("Adadelta", "adadelta", "Needs no learning rate: it goes by its own steps.", adadeltaArgs, async () => {
    return (await import("../optim/adadelta.js")).Adadelta;
  }),
  optimizer("Adamax", "adamax", "Adam over the infinity norm.", adamaxArgs, async () => {
    return (await import("../optim/adamax.js")).Adamax;
  }),
  optimizer("NAdam", "nadam", "Adam with Nesterov's momentum.", nAdamArgs, async () => {
    return (await import("../optim/nAdam.js")).NAdam;
  }),
  optimizer("RAdam", "radam", "Adam that waits until it knows the variance.", rAdamArgs, async () => {
    return (await import("../optim/rAdam.js")).RAdam;
  }),
];

function optimizer(
  name: string,
  module: string,
  description: string,
  args: ClassEntry["args"],
  load: () => Promise<OptimizerClass>,
): ClassEntry<"optimizer"> {
  const build = async (): Promise<Builders["optimizer"]> => {
    const Class = await load();
    return (given, params) => new Class([...params], camelKeys(given));
  };
  const paths = [`torch.optim.${name}`, `torch.optim.${module}.${name}`];
  return { kind: "optimizer", name, paths, description, args, load: build };
}
