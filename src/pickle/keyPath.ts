import { keyText } from "./convert.js";
import { PyDict } from "./values.js";
import type { PyValue } from "./values.js";

/** A key longer than this says nothing more. */
const MAX_KEY_TEXT = 200;
/** Deeper than this nobody reads a path. */
const MAX_STEPS = 20;

/**
 * Where in the tree a pickle was when it stopped: `state_dict["encoder.0.weight"]`. A container that is being filled lies
 * below its mark, and behind the mark its keys and values; the last key is that of the value in work.
 */
export function keyPath(stack: readonly PyValue[], marks: readonly number[]): string {
  const steps = unmarkedSteps(stack, marks[0] ?? stack.length);
  for (const [level, start] of marks.entries()) {
    const container = stack[start - 1];
    const end = marks[level + 1] ?? stack.length;
    const count = end - start;
    if (steps.length >= MAX_STEPS) break;
    if (container instanceof PyDict) {
      if (count === 0) break;
      const last = stack[end - 1] ?? null;
      const list = stack[end - 2];
      if (count % 2 === 1 && count > 2 && isUnhashable(last) && Array.isArray(list)) {
        // A list of one item is filled without a mark: the item follows it, and the list follows its key.
        steps.push(step(stack[end - 3] ?? null, steps.length === 0), `[${list.length}]`);
        continue;
      }
      const key = count % 2 === 1 ? last : (stack[end - 2] ?? null);
      steps.push(step(key, steps.length === 0));
      // A dict of one item is filled without a mark: its key follows it.
    } else if (Array.isArray(container)) steps.push(`[${container.length + Math.max(count - 1, 0)}]`);
  }
  return steps.join("");
}

/** Steps below the first mark: a dict or list of one item is filled without one, and so is what it holds. */
function unmarkedSteps(stack: readonly PyValue[], end: number): string[] {
  const steps: string[] = [];
  for (let at = 0; at + 1 < end && steps.length < MAX_STEPS;) {
    const container = stack[at];
    if (container instanceof PyDict) {
      steps.push(step(stack[at + 1] ?? null, steps.length === 0));
      at += 2;
    } else if (Array.isArray(container)) {
      steps.push(`[${container.length}]`);
      at += 1;
    } else break;
  }
  return steps;
}

/** What Python takes for no key: an item in work, then. */
function isUnhashable(value: PyValue): boolean {
  return value instanceof PyDict || Array.isArray(value);
}

function step(key: PyValue, isFirst: boolean): string {
  const text = keyText(key).slice(0, MAX_KEY_TEXT);
  if (typeof key !== "string") return `[${text}]`;
  return isFirst && /^[A-Za-z_][A-Za-z0-9_-]*$/.test(text) ? text : `[${JSON.stringify(text)}]`;
}
