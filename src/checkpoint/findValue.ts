import { LtrainError } from "../errors.js";
import { didYouMean } from "../nearest.js";
import { PyDict, PyTuple } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { describeValue } from "./describeValue.js";
import { isBareStateDict } from "./parseCheckpoint.js";
import { pythonRepr } from "./pythonRepr.js";
import { childrenOf, ROOT_PATH } from "./treePaths.js";

/** A value of a file and its path, as lists of the file spell it. */
export interface FoundValue {
  readonly path: string;
  readonly value: PyValue;
}

/** So many names are shown of what is there instead. */
const MAX_NAMED = 12;

/**
 * The value at a path as people write it: `hyper_parameters.lr`, `optimizer_states[0].param_groups[0]`,
 * `state_dict["encoder.0.weight"]`, `state_dict.encoder.0.weight`, or a key of the state_dict by itself. What is not
 * there is an error that names the nearest name and what is there.
 */
export function findValue(root: PyValue, path: string): FoundValue {
  if (path === "" || path === ROOT_PATH) return { path: ROOT_PATH, value: root };
  const miss: Miss = { depth: -1, at: { path: ROOT_PATH, value: root }, rest: path };
  const found = resolve({ path: "", value: root }, path, miss) ?? inStateDict(root, path);
  if (found !== undefined) return found;
  throw missing(root, path, miss);
}

/** The deepest place a path led to before it failed. */
interface Miss {
  depth: number;
  at: FoundValue;
  rest: string;
}

function inStateDict(root: PyValue, path: string): FoundValue | undefined {
  const stateDict = root instanceof PyDict && !isBareStateDict(root) ? root.get("state_dict") : undefined;
  const value = stateDict instanceof PyDict ? stateDict.get(path) : undefined;
  return value === undefined ? undefined : { path: `state_dict[${JSON.stringify(path)}]`, value };
}

/** Try every way to read the beginning of `rest` as a step, the longest first: names have dots of their own. */
function resolve(at: FoundValue, rest: string, miss: Miss): FoundValue | undefined {
  if (rest === "") return at;
  const depth = at.path.length;
  if (depth > miss.depth) Object.assign(miss, { depth, at: { ...at, path: at.path || ROOT_PATH }, rest });
  const steps = childrenOf(at.value, at.path === "").flatMap(({ step, value }) => {
    const length = matchedLength(step, rest);
    return length === 0 ? [] : [{ step, value, length }];
  });
  steps.sort((a, b) => b.length - a.length);
  for (const { step, value, length } of steps) {
    const found = resolve({ path: at.path + step, value }, rest.slice(length), miss);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** How much of `rest` spells this step: as a path has it, in quotes or not, or bare behind a dot. 0: it does not. */
function matchedLength(step: string, rest: string): number {
  if (rest.startsWith(step) && endsStep(rest, step.length)) return step.length;
  const bracket = /^\.?\[\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\]]*?))\s*\]/su.exec(rest);
  if (bracket !== null) {
    const [all, double, single, plain] = bracket;
    const wanted = double ?? single ?? plain ?? "";
    const isText = double !== undefined || single !== undefined;
    return spellings(step, isText).includes(isText ? unescaped(wanted) : wanted) ? all.length : 0;
  }
  const dot = rest.startsWith(".") ? 1 : 0;
  for (const name of spellings(step, undefined)) {
    if (name !== "" && rest.startsWith(name, dot) && endsStep(rest, dot + name.length)) return dot + name.length;
  }
  return 0;
}

/** A step ends where the path does, at a dot or at a bracket. */
function endsStep(rest: string, end: number): boolean {
  return end === rest.length || rest[end] === "." || rest[end] === "[";
}

/** The name in a step, without dot, brackets and quotes; `isText` asks for a string's or for any other key's. */
function spellings(step: string, isText: boolean | undefined): string[] {
  const quoted = /^\[("(?:[^"\\]|\\.)*")\]$/su.exec(step)?.[1];
  if (quoted !== undefined) return isText === false ? [] : [JSON.parse(quoted) as string];
  const index = /^\[(.*)\]$/su.exec(step)?.[1];
  if (index !== undefined) return isText === true ? [] : [index];
  return [step.replace(/^\./, "")];
}

function unescaped(text: string): string {
  return text.replace(/\\(["'\\])/g, "$1");
}

function missing(root: PyValue, path: string, { at, rest }: Miss): LtrainError {
  const names = namesIn(at.value);
  const isTop = at.path === ROOT_PATH;
  const stateDict = root instanceof PyDict && !isBareStateDict(root) ? root.get("state_dict") : undefined;
  const wanted = rest.replace(/^\./, "");
  const first = /^\[\s*["']?(.*?)["']?\s*\]/su.exec(wanted)?.[1] ?? wanted.split(/[.[]/, 1)[0] ?? wanted;
  // The whole may be a name with dots; or its first part is what is misspelt.
  const candidates = [...names, ...(isTop && stateDict instanceof PyDict ? namesIn(stateDict) : [])];
  const hint = didYouMean(wanted, candidates) ?? didYouMean(first, candidates);
  const where = isTop ? "the file" : at.path;
  const shown =
    names.slice(0, MAX_NAMED).join(", ") + (names.length > MAX_NAMED ? `, ... (${names.length} in all)` : "");
  const there = names.length === 0 ? `${where} is ${shortly(at.value)}` : `${where} has ${shown}`;
  return new LtrainError("key.missing", `there is no ${path}: ${where} has no ${JSON.stringify(first)}`, {
    hint: [hint, there].filter((part) => part !== undefined).join(" "),
  });
}

function namesIn(value: PyValue): string[] {
  if (value instanceof PyDict) return value.keys().map((key) => (typeof key === "string" ? key : pythonRepr(key)));
  if (Array.isArray(value) || value instanceof PyTuple) {
    const { length } = Array.isArray(value) ? value : value.items;
    return length === 0 ? [] : [length === 1 ? "[0]" : `[0] to [${length - 1}]`];
  }
  return childrenOf(value).map(({ step }) => step.replace(/^\./, ""));
}

function shortly(value: PyValue): string {
  const text = describeValue(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
