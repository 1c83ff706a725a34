import { Callback } from "../core/callback.js";

/** Hooks by their names, each as Callback declares it. */
export type LambdaHooks = {
  readonly [Hook in Extract<keyof Callback, `on${string}` | "setup" | "teardown">]?: NonNullable<Callback[Hook]>;
};

/** A callback made of functions: Lightning's LambdaCallback. */
export class LambdaCallback extends Callback {
  constructor(hooks: LambdaHooks) {
    super();
    Object.assign(this, hooks);
  }
}
