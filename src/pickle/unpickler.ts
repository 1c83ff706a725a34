import type { PyValue, PyGlobal } from "./values.js";

/** What a pickle is read with; without these a persistent id is an error and every call stays symbolic. */
export interface UnpickleOptions {
  /** What a persistent id stands for; torch: the tuple that names a storage. */
  readonly persistentLoad?: (id: PyValue) => PyValue;
  /** What `callable(*args)` is, or undefined to keep the call as a PyObject. It must not run anything from the file. */
  readonly reduce?: (callable: PyGlobal, args: readonly PyValue[]) => PyValue | undefined;
  /** Where the pickle begins; other things may lie before and after it. */
  readonly start?: number;
  /** What the bytes are called in errors: "archive/data.pkl". */
  readonly name?: string;
}

/** One pickle, and what was seen on the way. */
export interface Unpickled {
  readonly value: PyValue;
  readonly protocol: number;
  /** One past STOP. */
  readonly end: number;
  /** Every class and function that is named, once each, in order of appearance. */
  readonly globals: readonly PyGlobal[];
}

/** Read one pickle and say where it ends; nothing in it is ever run. */
export function readPickle(_bytes: Uint8Array, _options: UnpickleOptions = {}): Unpickled {
  throw new Error("not yet");
}

/** The value of a pickle, protocols 0 to 5; nothing in it is ever run. */
export function unpickle(bytes: Uint8Array, options: UnpickleOptions = {}): PyValue {
  return readPickle(bytes, options).value;
}
