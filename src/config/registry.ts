import { Callback } from "../core/callback.js";
import { LightningDataModule } from "../core/lightningDataModule.js";
import { LightningModule } from "../core/lightningModule.js";
import { nearest } from "../nearest.js";
import { LRScheduler } from "../optim/lrScheduler.js";
import { Optimizer } from "../optim/optimizer.js";
import { BUILT_IN } from "./builtIn.js";
import type { AnyClassEntry, ClassEntry, ClassKind } from "./classEntry.js";
import { KINDS } from "./classEntry.js";
import { exportNameOf, isFilePath } from "./userModule.js";

/** Whether a user's class has the base class of its kind. */
export function extendsBase(kind: ClassKind, prototype: unknown): boolean {
  switch (kind) {
    case "model":
      return prototype instanceof LightningModule;
    case "data":
      return prototype instanceof LightningDataModule;
    case "callback":
      return prototype instanceof Callback;
    case "logger":
      return typeof prototype === "object" && prototype !== null && "logMetrics" in prototype;
    case "optimizer":
      return prototype instanceof Optimizer;
    case "lr_scheduler":
      return prototype instanceof LRScheduler;
    default:
      kind satisfies never;
      throw new TypeError("unreachable");
  }
}

/** The built-in classes of a kind. */
export function builtInClasses(kind: ClassKind): readonly AnyClassEntry[] {
  return BUILT_IN.filter((entry) => entry.kind === kind);
}

/** The built-in class a class_path means, whatever its spelling. */
export function findBuiltIn<Kind extends ClassKind>(kind: Kind, classPath: string): ClassEntry<Kind> | undefined {
  const found = BUILT_IN.find(
    (entry) => entry.kind === kind && (entry.name === classPath || entry.paths.includes(classPath)),
  );
  return found as ClassEntry<Kind> | undefined; // the kind was compared
}

/** Whether two class_paths mean one class; a user's class is known by its name, so that its file may move. */
export function isSameClass(a: string, b: string): boolean {
  return identityOf(a) === identityOf(b);
}

function identityOf(classPath: string): string {
  const known = BUILT_IN.find((entry) => entry.name === classPath || entry.paths.includes(classPath));
  return known?.paths[0] ?? exportNameOf(classPath) ?? classPath;
}

/** The sentence about a class_path that means nothing. */
export function unknownClass(kind: ClassKind, classPath: string): string {
  const { label } = KINDS[kind];
  if (isFilePath(classPath)) return `${JSON.stringify(classPath)} names no class; write it as ./file.ts:ClassName`;
  const names = builtInClasses(kind).map((entry) => entry.name);
  const elsewhere = BUILT_IN.find((entry) => entry.name === classPath || entry.paths.includes(classPath));
  if (elsewhere !== undefined)
    return `${classPath} is a ${KINDS[elsewhere.kind].label}, not a ${label}; there is ${names.join(", ")}`;
  const near = nearest(classPath.split(".").at(-1) ?? classPath, names);
  if (near === undefined && /^(torch|lightning|pytorch_lightning)\./.test(classPath)) {
    return `${classPath} is not here yet; there is ${names.join(", ")}`;
  }
  const way =
    near === undefined ? `there is ${names.join(", ")}, or your own as ./file.ts:ClassName` : `did you mean ${near}?`;
  return `there is no ${label} called ${JSON.stringify(classPath)}; ${way}`;
}
