import type { z } from "zod";
import type { LRSchedulerConfig } from "../core/lightningModule.js";
import { LtrainError } from "../errors.js";
import type { LRScheduler } from "../optim/lrScheduler.js";
import type { Optimizer } from "../optim/optimizer.js";
import { camelKeys } from "./camelKeys.js";
import type { Builders, ClassEntry, InitArgs } from "./classEntry.js";
import * as args from "./schedulerArgs.js";

type SchedulerClass = new (optimizer: Optimizer, options: Record<string, never>) => LRScheduler;

/** torch's schedules, each with Lightning's `interval`, `frequency`, `monitor`, `strict` and `name` beside its arguments. */
export const BUILT_IN_SCHEDULERS: readonly ClassEntry<"lr_scheduler">[] = [
  scheduler("StepLR", "Multiplies the learning rate by gamma every step_size epochs.", args.stepLrArgs),
  scheduler("MultiStepLR", "Multiplies the learning rate by gamma at every milestone.", args.multiStepLrArgs),
  scheduler("ExponentialLR", "Multiplies the learning rate by gamma every epoch.", args.exponentialLrArgs),
  scheduler("ConstantLR", "A factor for the first epochs.", args.constantLrArgs),
  scheduler("LinearLR", "A factor that goes in a line from one value to another.", args.linearLrArgs),
  scheduler("PolynomialLR", "Lowers the learning rate to 0 along a power.", args.polynomialLrArgs),
  scheduler(
    "CosineAnnealingLR",
    "Lowers the learning rate to eta_min along half a cosine of T_max epochs.",
    args.cosineAnnealingLrArgs,
  ),
  scheduler(
    "CosineAnnealingWarmRestarts",
    "Half a cosine down to eta_min, then from the top again.",
    args.cosineAnnealingWarmRestartsArgs,
  ),
  scheduler("CyclicLR", "Up and down between two learning rates.", args.cyclicLrArgs),
  scheduler("OneCycleLR", "Up to the highest learning rate and far down, once.", args.oneCycleLrArgs),
  scheduler(
    "ReduceLROnPlateau",
    "Lowers the learning rate when a metric stops improving.",
    args.reduceLrOnPlateauArgs,
    ["lightning.pytorch.cli.ReduceLROnPlateau", "pytorch_lightning.cli.ReduceLROnPlateau"],
  ),
  scheduler("SWALR", "To a fixed learning rate, which then stays: for averaging weights.", args.swaLrArgs, [
    "torch.optim.swa_utils.SWALR",
  ]),
  scheduler("SequentialLR", "One schedule after the other.", args.sequentialLrArgs),
  scheduler("ChainedScheduler", "Several schedules at once, one upon the other.", args.chainedSchedulerArgs),
];

function scheduler(
  name: string,
  description: string,
  schema: z.ZodObject,
  others: readonly string[] = [],
): ClassEntry<"lr_scheduler"> {
  const load = async (): Promise<Builders["lr_scheduler"]> => {
    const classes: Readonly<Record<string, unknown>> = await import("../optim/index.js");
    return (given, optimizer) => {
      const { interval, frequency, monitor, strict, name: label, ...own } = given;
      const rhythm = {
        interval,
        frequency,
        strict,
        ...(monitor !== null && { monitor }),
        ...(label !== null && { name: label }),
      };
      return { scheduler: make(name, own, optimizer, classes), ...rhythm } as LRSchedulerConfig;
    };
  };
  const paths = [`torch.optim.lr_scheduler.${name}`, ...others];
  return { kind: "lr_scheduler", name, paths, description, args: schema, load };
}

/** A schedule of the class by that name; those inside it are made first. */
function make(
  name: string,
  own: InitArgs,
  optimizer: Optimizer,
  classes: Readonly<Record<string, unknown>>,
): LRScheduler {
  const Class = classes[name] as SchedulerClass;
  const options = camelKeys(own);
  const inner = own["schedulers"] as readonly Inner[] | undefined;
  if (inner === undefined) return new Class(optimizer, lowerFirst(options));
  const schedulers = inner.map((each, i) => makeInner(each, i, optimizer, classes));
  return new Class(optimizer, { ...options, schedulers } as unknown as Record<string, never>);
}

interface Inner {
  readonly class_path: string;
  readonly init_args: InitArgs;
}

function makeInner(
  { class_path: path, init_args: given }: Inner,
  index: number,
  optimizer: Optimizer,
  classes: Readonly<Record<string, unknown>>,
): LRScheduler {
  const entry = BUILT_IN_SCHEDULERS.find(({ name, paths }) => name === path || paths.includes(path));
  const place = `lr_scheduler.init_args.schedulers.${index}`;
  if (entry === undefined) {
    throw new LtrainError("config.unknownClass", `${place}.class_path: there is no built-in scheduler ${path}`, {
      hint: `there are ${BUILT_IN_SCHEDULERS.map(({ name }) => name).join(", ")}`,
    });
  }
  const result = entry.args.safeParse(given);
  if (!result.success) {
    const issues = result.error.issues.map(
      (issue) => `${[place, "init_args", ...issue.path].join(".")}: ${issue.message}`,
    );
    throw new LtrainError("config.invalid", issues.join("\n  "));
  }
  const rhythm = ["interval", "frequency", "monitor", "strict", "name"];
  const own = Object.fromEntries(Object.entries(result.data).filter(([key]) => !rhythm.includes(key)));
  return make(entry.name, own, optimizer, classes);
}

/** T_max is tMax. */
function lowerFirst(options: Record<string, never>): Record<string, never> {
  const entries = Object.entries(options).map(([key, value]) => [key.charAt(0).toLowerCase() + key.slice(1), value]);
  return Object.fromEntries(entries) as Record<string, never>;
}
