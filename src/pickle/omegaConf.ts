import { PyDict, PyObject } from "./values.js";
import type { PyValue } from "./values.js";

/** omegaconf's containers and values: `omegaconf.dictconfig.DictConfig`, `omegaconf.nodes.AnyNode`. */
const OMEGACONF = /^omegaconf\./;

/**
 * What an OmegaConf configuration holds, without its bookkeeping: a DictConfig is its `_content`, a node its `_val`.
 * Interpolations stay the text they are. Anything else comes back as it is.
 */
export function omegaContent(value: PyValue): PyValue {
  // Content that is shared stays shared, and content in itself ends; a stack of our own, however deep it is.
  const known = new Map<PyValue, PyValue>();
  const unfilled: (() => void)[] = [];
  const contentOf = (item: PyValue): PyValue => {
    if (!(item instanceof PyObject) || !OMEGACONF.test(item.className) || !(item.state instanceof PyDict)) return item;
    const content = item.state.get("_content");
    if (content === undefined) return item.state.get("_val") ?? item;
    const done = known.get(content);
    if (done !== undefined) return done;
    if (Array.isArray(content)) {
      const list: PyValue[] = [];
      known.set(content, list);
      unfilled.push(() => {
        for (const each of content) list.push(contentOf(each));
      });
      return list;
    }
    if (!(content instanceof PyDict)) return content;
    const dict = new PyDict();
    known.set(content, dict);
    unfilled.push(() => {
      for (const [key, each] of content) dict.set(key, contentOf(each));
    });
    return dict;
  };
  const result = contentOf(value);
  for (let fill = unfilled.pop(); fill !== undefined; fill = unfilled.pop()) fill();
  return result;
}
