import type { Callback } from "../core/callback.js";
import type { LightningModule } from "../core/lightningModule.js";
import type { TrainerState } from "../core/trainerState.js";
import { placeOf, userFailure } from "./userFailure.js";

/** Who takes part in hooks. */
export interface HookContext {
  readonly trainer: TrainerState;
  readonly module: LightningModule;
  /** In the order in which they are called: checkpointing callbacks last. */
  readonly callbacks: readonly Callback[];
  /** What is logged outside of steps is attributed to this hook. */
  readonly hookLogs: { enter(hook: string): void; leave(): void | Promise<void> };
}

type Hook = (...args: never[]) => void | Promise<void>;
/** Names of the hooks of `T`: optional methods that are waited for and give nothing back. */
type HookNames<T> = { [K in keyof T]-?: NonNullable<T[K]> extends Hook ? K : never }[keyof T];
type ArgumentsOf<F> = F extends (...args: infer A) => unknown ? A : never;

/** Hooks of a callback that get the trainer and the module first. */
export type CallbackHook = Exclude<HookNames<Callback>, "loadStateDict" | "onCheckpointSaved" | "prepareRestore">;
/** Hooks of the module. */
export type ModuleHook = Extract<HookNames<LightningModule>, `on${string}` | "setup" | "teardown">;
/** What a callback's hook gets beyond trainer and module. */
export type CallbackArguments<K extends CallbackHook> =
  ArgumentsOf<NonNullable<Callback[K]>> extends [TrainerState, LightningModule, ...infer Rest] ? Rest : never;
/** What a module's hook gets. */
export type ModuleArguments<K extends ModuleHook> = ArgumentsOf<NonNullable<LightningModule[K]>>;

/** Run one hook on every callback, in order. */
export async function callCallbacks<K extends CallbackHook>(
  context: HookContext,
  name: K,
  args: CallbackArguments<K>,
  among: readonly Callback[] = context.callbacks,
): Promise<void> {
  const { trainer, module } = context;
  for (const callback of among) {
    const hook = callback[name] as ((...all: unknown[]) => void | Promise<void>) | undefined;
    if (hook !== undefined) await guarded(context, callback, name, () => hook.call(callback, trainer, module, ...args));
  }
}

/** Run one hook on the module. */
export async function callModule<K extends ModuleHook>(
  context: HookContext,
  name: K,
  args: ModuleArguments<K>,
): Promise<void> {
  const { module } = context;
  const hook = module[name] as ((...all: unknown[]) => void | Promise<void>) | undefined;
  if (hook !== undefined) await guarded(context, module, name, () => hook.call(module, ...args));
}

/** Run one hook on the callbacks, then on the module: Lightning's order wherever both have it. */
export async function callHooks<K extends CallbackHook & ModuleHook>(
  context: HookContext,
  name: K,
  args: CallbackArguments<K> & ModuleArguments<K>,
): Promise<void> {
  await callCallbacks(context, name, args);
  await callModule(context, name, args);
}

async function guarded(context: HookContext, owner: object, name: string, body: () => unknown): Promise<void> {
  context.hookLogs.enter(name);
  try {
    const result = body();
    // Waiting for what is not a promise would cost every batch a turn of the event loop per hook.
    if (result instanceof Promise) await result;
  } catch (error) {
    throw userFailure(error, `${owner.constructor.name}.${name} ${placeOf(context.trainer)}`);
  } finally {
    const settled = context.hookLogs.leave();
    if (settled instanceof Promise) await settled;
  }
}
