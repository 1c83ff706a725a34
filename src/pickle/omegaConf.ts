import { PyDict, PyObject } from "./values.js";
import type { PyValue } from "./values.js";

/** omegaconf's containers and values: `omegaconf.dictconfig.DictConfig`, `omegaconf.nodes.AnyNode`. */
const OMEGACONF = /^omegaconf\./;
/** Deeper than this no configuration is. */
const MAX_DEPTH = 64;

/**
 * What an OmegaConf configuration holds, without its bookkeeping: a DictConfig is its `_content`, a node its `_val`.
 * Interpolations stay the text they are. Anything else comes back as it is.
 */
export function omegaContent(value: PyValue, depth = 0): PyValue {
  if (!(value instanceof PyObject) || !OMEGACONF.test(value.className) || !(value.state instanceof PyDict))
    return value;
  if (depth > MAX_DEPTH) return value;
  const { state } = value;
  const content = state.get("_content");
  if (content === undefined) return state.get("_val") ?? value;
  if (Array.isArray(content)) return content.map((item) => omegaContent(item, depth + 1));
  if (!(content instanceof PyDict)) return content;
  return new PyDict(Array.from(content, ([key, item]) => [key, omegaContent(item, depth + 1)] as const));
}
