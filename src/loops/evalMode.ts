import type { Module } from "../nn/module.js";

/** Put every module into evaluation mode; gives back what puts each into its own mode again. */
export function evalMode(module: Module): () => void {
  const modes = module.namedModules().map(([, each]) => [each, each.training] as const);
  module.eval();
  return () => {
    for (const [each, training] of modes) each.training = training;
  };
}
