import type { Unpickled } from "../pickle/unpickler.js";
import type { PyGlobal } from "../pickle/values.js";
import { isDType } from "../storage/dtype.js";
import { STORAGE_DTYPES } from "./torchStorage.js";

/** What torch.load(weights_only=True) of torch 2.13 accepts without registration (lightning-checkpoint-format.md, 4). */
const ALLOWED: ReadonlySet<string> = new Set([
  "collections.OrderedDict",
  "collections.Counter",
  "builtins.set",
  "builtins.bytearray",
  "builtins.complex",
  "_codecs.encode",
  "torch.Size",
  "torch.Tensor",
  "torch.device",
  "torch.nn.parameter.Parameter",
  "torch.serialization._get_layout",
  "torch.storage.TypedStorage",
  "torch.storage.UntypedStorage",
  "torch.per_tensor_affine",
  "torch.per_tensor_symmetric",
  "torch.per_channel_affine",
  "torch.per_channel_symmetric",
  "torch.per_channel_affine_float_qparams",
  "torch._tensor._rebuild_from_type_v2",
  // torch registers these when it is imported; the rest of a jagged or distributed tensor only with its own module.
  "torch.nested._internal.nested_tensor.NestedTensor",
  "torch.nested._internal.nested_tensor._rebuild_njt",
  "torch.distributed._mesh_layout._FlatLayout",
  "torch.distributed._mesh_layout._MeshLayout",
  ...[
    "_rebuild_parameter",
    "_rebuild_parameter_with_state",
    "_rebuild_qtensor",
    "_rebuild_tensor",
    "_rebuild_tensor_v2",
    "_rebuild_tensor_v3",
    "_rebuild_sparse_tensor",
    "_rebuild_meta_tensor_no_storage",
    "_rebuild_nested_tensor",
    "_rebuild_wrapper_subclass",
    "_rebuild_device_tensor_from_numpy",
    "_rebuild_device_tensor_from_cpu_tensor",
  ].map((name) => `torch._utils.${name}`),
]);

/** The opcodes that torch's own reader of weights knows (torch/_weights_only_unpickler.py): those of protocol 2, nearly. */
const KNOWN_OPCODES: ReadonlySet<string> = new Set(
  (
    "APPEND APPENDS BINFLOAT BINGET BININT BININT1 BININT2 BINPERSID BINPUT BINUNICODE BUILD EMPTY_DICT EMPTY_LIST " +
    "EMPTY_SET EMPTY_TUPLE GLOBAL LONG1 LONG_BINGET LONG_BINPUT MARK NEWFALSE NEWOBJ NEWTRUE NONE PROTO REDUCE SETITEM " +
    "SETITEMS SHORT_BINSTRING STOP TUPLE TUPLE1 TUPLE2 TUPLE3"
  ).split(" "),
);

/** Those of a pickle's opcodes that torch.load(weights_only=True) stops at. */
export function refusedOpcodes({ opcodes, unnamedCalls }: OpcodesSeen): readonly string[] {
  const calls = unnamedCalls.map((opcode) => `${opcode} (of a value, not of a name)`);
  return [...opcodes.filter((opcode) => !KNOWN_OPCODES.has(opcode)), ...calls];
}

/** What a pickle is made of, once each, and which opcodes call something that has no name. */
type OpcodesSeen = Pick<Unpickled, "opcodes" | "unnamedCalls">;

const SMALL_INTS = /^u?int[1-7]$/;
/** torch.FloatTensor and its kin; of bool there is no sparse one. */
const TENSOR_CLASS =
  /^torch\.(?:cuda\.)?(?:(?:sparse\.)?(?:BFloat16|Byte|Char|Double|Float|Half|Int|Long|Short)|Bool)Tensor$/;
/** Quantized numbers are stored on the CPU only. */
const QUANTIZED = /^QU?Int/;

/** Whether torch.load(weights_only=True) accepts this class or function by default. */
export function isWeightsOnlyGlobal(global: PyGlobal): boolean {
  const { module, name } = global;
  const path = global.toString();
  if (ALLOWED.has(path) || TENSOR_CLASS.test(path)) return true;
  if (module === "torch") return isDType(name) || SMALL_INTS.test(name) || STORAGE_DTYPES.has(name);
  return module === "torch.cuda" && STORAGE_DTYPES.has(name) && !QUANTIZED.test(name);
}
