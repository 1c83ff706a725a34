import { runInNewContext } from "node:vm";
import type { Parameter } from "../../src/nn/parameter.js";
import * as optim from "../../src/optim/index.js";
import { power } from "../../src/tensor/exactPower.js";

/** Arguments of torch's, by torch's names. */
export type Arguments = Readonly<Record<string, unknown>>;

type OptimizerClass = new (params: readonly Parameter[] | readonly object[], options: object) => optim.Optimizer;
type ScheduleClass = new (optimizer: optim.Optimizer, options: object) => optim.LRScheduler;
const classes: Readonly<Record<string, unknown>> = optim;

/** The optimizer of that name. */
export function optimizerOf(
  name: string,
  params: readonly Parameter[] | readonly object[],
  given: Arguments,
): optim.Optimizer {
  return new (classes[name] as OptimizerClass)(params, camel(given));
}

/**
 * The schedule of that name. A schedule inside it is `[name, arguments]`, or text: "LinearLR(total_iters=4)"; a lambda
 * is Python's text: "0.8**k if k odd else 0.9**k".
 */
export function scheduleOf(optimizer: optim.Optimizer, name: string, given: Arguments): optim.LRScheduler {
  const options = camel(given);
  const inner = options["schedulers"] as readonly (string | readonly [string, Arguments])[] | undefined;
  if (inner !== undefined) {
    options["schedulers"] = inner.map((each) =>
      scheduleOf(optimizer, ...(typeof each === "string" ? parseCall(each) : each)),
    );
  }
  const lambda = options["lrLambda"] as string | readonly string[] | undefined;
  if (lambda !== undefined) {
    options["lrLambda"] = typeof lambda === "string" ? pythonLambda(lambda) : lambda.map(pythonLambda);
  }
  return new (classes[name] as ScheduleClass)(optimizer, options);
}

/** max_lr is maxLr, T_max is tMax. */
function camel(given: Arguments): Record<string, unknown> {
  const name = (key: string): string =>
    key.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()).replace(/^./, (first) => first.toLowerCase());
  return Object.fromEntries(Object.entries(given).map(([key, value]) => [name(key), value]));
}

/** "LinearLR(start_factor=0.1,total_iters=4)". */
function parseCall(text: string): [string, Arguments] {
  const [, name = "", list = ""] = /^(\w+)\((.*)\)$/.exec(text) ?? [];
  const pairs = [...list.matchAll(/(\w+)=(\[[^\]]*\]|[^,]+)/g)];
  return [name, Object.fromEntries(pairs.map(([, key = "", value = ""]) => [key, pythonValue(value)]))];
}

function pythonValue(text: string): unknown {
  const json = text
    .trim()
    .replace(/^True$/, "true")
    .replace(/^False$/, "false")
    .replace(/^None$/, "null");
  return JSON.parse(json.replaceAll("'", '"'));
}

/** A Python expression over k, with Python's powers and conditions. */
function pythonLambda(source: string): (k: number) => number {
  const [, yes = source, condition = "", no = ""] = /^(.*) if (.*) else (.*)$/.exec(source) ?? [];
  const value = (text: string): string =>
    text.replace(/([\w.]+|\([^()]*\))\s*\*\*\s*([\w.]+|\([^()]*\))/g, "power($1, $2)");
  const test = condition.replace(/k odd/, "k % 2 === 1").replace(/k even/, "k % 2 === 0");
  const code = condition === "" ? value(source) : `(${test}) ? ${value(yes)} : ${value(no)}`;
  return (k) => Number(runInNewContext(code, { k, power }));
}
