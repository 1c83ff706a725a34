import { LtrainError } from "../errors.js";
import type { Rebuild } from "../pickle/unpickler.js";
import { PyGlobal, PyObject, PyTuple } from "../pickle/values.js";
import type { PyValue } from "../pickle/values.js";
import { isDType } from "../storage/dtype.js";
import type { DType } from "../storage/dtype.js";
import { StoredTensor } from "../storage/storedTensor.js";
import { denseTensor, withMarks } from "./denseTensor.js";
import { numpyArrayOf } from "./numpyArray.js";
import { rebuildQuantized } from "./quantizedTensor.js";

/** torch's functions that make a dense tensor; everything else in a file stays a name. */
const REBUILDERS: ReadonlyMap<string, Rebuild> = new Map<string, Rebuild>([
  ["torch._utils._rebuild_tensor", ([storage, offset, size, stride]) => denseTensor(storage, offset, size, stride, {})],
  ["torch._utils._rebuild_tensor_v2", rebuildV2],
  ["torch._utils._rebuild_tensor_v3", rebuildV3],
  ["torch._utils._rebuild_qtensor", rebuildQuantized],
  ["torch._utils._rebuild_parameter", (args) => rebuildParameter("_rebuild_parameter", args)],
  ["torch._utils._rebuild_parameter_with_state", (args) => rebuildParameter("_rebuild_parameter_with_state", args)],
  // Tensors of devices that torch copies through numpy, under the names the function has had.
  ...["_rebuild_device_tensor_from_numpy", "_rebuild_xla_tensor", "_rebuild_mlc_tensor", "_rebuild_ort_tensor"].map(
    (name) => [`torch._utils.${name}`, (args: readonly PyValue[]) => rebuildFromNumpy(name, args)] as const,
  ),
  ["torch._utils._rebuild_device_tensor_from_cpu_tensor", rebuildFromCpu],
  ["torch._tensor._rebuild_from_type_v2", (args) => rebuildFromType("_rebuild_from_type_v2", args)],
  // torch 1.9 to 1.11; its fourth argument is the attributes as a dict.
  ["torch._tensor._rebuild_from_type", (args) => rebuildFromType("_rebuild_from_type", args)],
]);

/** How torch's own calls are rebuilt; undefined for what is not a dense tensor. */
export function findTorchClass(global: PyGlobal): Rebuild | undefined {
  return REBUILDERS.get(global.toString());
}

function rebuildV2(args: readonly PyValue[]): PyValue | undefined {
  // By index: taking an array apart costs more than all the rest, a hundred thousand times.
  return denseTensor(args[0], args[1], args[2], args[3], { requiresGrad: args[4], metadata: args[6] });
}

function rebuildV3(args: readonly PyValue[]): PyValue | undefined {
  const [storage, offset, size, stride, requiresGrad, , dtype, metadata] = args;
  return denseTensor(storage, offset, size, stride, { requiresGrad, metadata, dtype: dtypeOf(dtype) });
}

function dtypeOf(dtype: PyValue | undefined): DType {
  if (!(dtype instanceof PyGlobal)) throw malformed("a tensor's dtype is not a name");
  if (dtype.module === "torch" && isDType(dtype.name)) return dtype.name;
  throw new LtrainError("checkpoint.unsupported", `a tensor has dtype ${dtype.toString()}, which is not known here`);
}

function rebuildParameter(name: string, args: readonly PyValue[]): PyValue | undefined {
  const [tensor, requiresGrad] = args;
  if (tensor instanceof PyObject) return undefined; // a parameter of a tensor that is not dense
  if (!(tensor instanceof StoredTensor)) throw malformed("a parameter is made of something that is not a tensor");
  const origin = new PyObject(new PyGlobal("torch._utils", name), new PyTuple(args));
  return withMarks(tensor, { requiresGrad: requiresGrad === true, origin });
}

/** A tensor with Python attributes, or of a subclass: the numbers are those of the tensor that `func(*args)` makes. */
function rebuildFromType(name: string, args: readonly PyValue[]): PyValue | undefined {
  const [func, , inner] = args;
  if (!(func instanceof PyGlobal) || !(inner instanceof PyTuple)) return undefined;
  // Itself as its own func would go round and round.
  if (func.module === "torch._tensor") return undefined;
  const tensor = findTorchClass(func)?.(inner.items);
  if (!(tensor instanceof StoredTensor)) return undefined;
  const origin = new PyObject(new PyGlobal("torch._tensor", name), new PyTuple(args));
  return withMarks(tensor, { requiresGrad: tensor.requiresGrad, origin });
}

/** `(ndarray, dtype, device, requires_grad)`: a tensor of an XLA or other foreign device, its numbers in the pickle. */
function rebuildFromNumpy(name: string, args: readonly PyValue[]): PyValue | undefined {
  const [array, dtype, device, requiresGrad] = args;
  const tensor = array instanceof PyObject ? numpyArrayOf(array)?.tensor : undefined;
  if (tensor?.dtype !== dtypeOf(dtype)) return undefined; // bfloat16 travels as float32: torch would convert
  const origin = new PyObject(new PyGlobal("torch._utils", name), new PyTuple(args));
  return withMarks(tensor, { requiresGrad: requiresGrad === true, origin, ...deviceOf(device) });
}

/** `(cpu tensor, dtype, device, requires_grad)`. */
function rebuildFromCpu(args: readonly PyValue[]): PyValue | undefined {
  const [tensor, dtype, device, requiresGrad] = args;
  if (!(tensor instanceof StoredTensor) || tensor.dtype !== dtypeOf(dtype)) return undefined;
  const name = new PyGlobal("torch._utils", "_rebuild_device_tensor_from_cpu_tensor");
  const origin = new PyObject(name, new PyTuple(args));
  return withMarks(tensor, { requiresGrad: requiresGrad === true, origin, ...deviceOf(device) });
}

function deviceOf(device: PyValue | undefined): { readonly device?: string } {
  return typeof device === "string" ? { device } : {};
}

function malformed(message: string): LtrainError {
  return new LtrainError("checkpoint.malformed", message);
}
