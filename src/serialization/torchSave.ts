import type { ByteSink } from "../io/byteSink.js";
import type { PyValue } from "../pickle/values.js";

/** How a torch file is written. */
export interface TorchSaveOptions {
  /** The folder all records lie in; Lightning's files have "archive". */
  readonly prefix?: string;
}

/** Write a value as torch.save does, storage by storage; a storage that several tensors share is written once. */
export function torchSave(_value: PyValue, _sink: ByteSink, _options: TorchSaveOptions = {}): Promise<void> {
  throw new Error("not yet");
}
