import type { Instruction, PickleMachine } from "./machine.js";
import type { OpcodeName } from "./opcodes.js";
import { PyDict, PyGlobal, PyObject, PySet, PyTuple } from "./values.js";
import type { PyValue } from "./values.js";

const EMPTY_TUPLE = new PyTuple([]);

/** Tuples, lists, dicts and sets, and what goes into them. */
export const CONTAINERS: Partial<Record<OpcodeName, Instruction>> = {
  MARK: (m) => {
    const { shortcut } = m.options;
    if (shortcut !== undefined && !m.atMark) {
      const callable = m.stack[m.stack.length - 1];
      if (callable instanceof PyGlobal && shortcut(m, callable)) return;
    }
    m.mark();
  },
  POP: (m) => {
    if (m.atMark) m.unmark();
    else m.pop();
  },
  POP_MARK: (m) => {
    m.popToMark();
  },
  DUP: (m) => {
    m.push(m.top());
  },
  EMPTY_TUPLE: (m) => {
    m.push(EMPTY_TUPLE);
  },
  TUPLE: (m) => {
    m.push(new PyTuple(m.popToMark()));
  },
  TUPLE1: (m) => {
    m.push(new PyTuple([m.pop()]));
  },
  TUPLE2: (m) => {
    const second = m.pop();
    m.push(new PyTuple([m.pop(), second]));
  },
  TUPLE3: (m) => {
    const third = m.pop();
    const second = m.pop();
    m.push(new PyTuple([m.pop(), second, third]));
  },
  EMPTY_LIST: (m) => {
    m.push([]);
  },
  LIST: (m) => {
    m.push(m.popToMark());
  },
  APPEND: (m) => {
    const item = m.pop();
    listOf(m, m.top()).push(item);
  },
  APPENDS: (m) => {
    const height = m.unmark();
    const { stack } = m;
    const list = listOf(m, stack[height - 1]);
    for (let i = height; i < stack.length; i += 1) list.push(stack[i] ?? null);
    stack.length = height;
  },
  EMPTY_DICT: (m) => {
    m.push(new PyDict());
  },
  DICT: (m) => {
    const dict = new PyDict();
    const items = m.popToMark();
    if (items.length % 2 !== 0) throw m.malformed("has a key without a value");
    for (let i = 0; i < items.length; i += 2) setItem(m, dict, items[i] ?? null, items[i + 1] ?? null);
    m.push(dict);
  },
  SETITEM: (m) => {
    const value = m.pop();
    const key = m.pop();
    setItem(m, dictOf(m, m.top()), key, value);
  },
  SETITEMS: (m) => {
    const height = m.unmark();
    const { stack } = m;
    if ((stack.length - height) % 2 !== 0) throw m.malformed("has a key without a value");
    const dict = dictOf(m, stack[height - 1]);
    for (let i = height; i < stack.length; i += 2) setItem(m, dict, stack[i] ?? null, stack[i + 1] ?? null);
    stack.length = height;
  },
  EMPTY_SET: (m) => {
    m.push(new PySet([]));
  },
  ADDITEMS: (m) => {
    const items = m.popToMark();
    const set = m.top();
    if (set instanceof PyObject) for (const item of items) set.listItems.push(item);
    else if (set instanceof PySet && !set.frozen) for (const item of items) set.add(hashable(m, item));
    else throw m.malformed("adds to something that is not a set");
  },
  FROZENSET: (m) => {
    m.push(
      new PySet(
        m.popToMark().map((item) => hashable(m, item)),
        true,
      ),
    );
  },
};

function listOf(m: PickleMachine, value: PyValue | undefined): PyValue[] {
  if (Array.isArray(value)) return value;
  if (value instanceof PyObject) return value.listItems;
  throw m.malformed("appends to something that is not a list");
}

function dictOf(m: PickleMachine, value: PyValue | undefined): PyDict {
  if (value instanceof PyDict) return value;
  if (value instanceof PyObject) return value.dictItems;
  throw m.malformed("sets an item of something that is not a dict");
}

function setItem(m: PickleMachine, dict: PyDict, key: PyValue, value: PyValue): void {
  dict.set(hashable(m, key), value);
}

/** What Python can put into a dict as a key or into a set. */
function hashable(m: PickleMachine, key: PyValue): PyValue {
  if (
    typeof key === "object" &&
    (Array.isArray(key) || key instanceof PyDict || (key instanceof PySet && !key.frozen))
  ) {
    throw m.malformed("has a list, dict or set where Python allows only what can be hashed");
  }
  m.spendKey(key);
  return key;
}
