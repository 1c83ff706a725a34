"""What real torch, safetensors and numpy see in files: a JSON list of requests on stdin, a list of answers on stdout.

`{"read": path}` opens a file by its extension (torch with weights_only=True) and describes every tensor with the place of
its storage among the file's storages; `{"cast": path, "to": path, "dtype": name}` compares a file's tensors with what
`.to(dtype)` makes of another's; `{"verdict": path}` gives what torch.load(weights_only=True) says; `{"lightning": path}` asks load_from_checkpoint of a module without parameters."""
import hashlib
import json
import os
import resource
import signal
import sys
import warnings

warnings.filterwarnings("ignore")
import numpy as np
import torch

INTS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def content(tensor):
    """Contiguous little-endian bytes, for every dtype torch can view as integers."""
    tensor = tensor.detach().resolve_conj().resolve_neg()
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor)
    if tensor.is_quantized:
        tensor = tensor.int_repr()
    size = tensor.element_size()
    return tensor.view(INTS[size]).contiguous().numpy().tobytes()


class Describer:
    def __init__(self):
        self.tensors, self.values, self.storages, self.keep = {}, {}, {}, []

    def tensor(self, path, t):
        if t.layout != torch.strided or t.is_nested:
            self.tensors[path] = {"layout": str(t.layout), "dtype": str(t.dtype)[6:]}
            parts = {
                torch.sparse_coo: ("_indices", "_values"),
                torch.sparse_csr: ("crow_indices", "col_indices", "values"),
                torch.sparse_csc: ("ccol_indices", "row_indices", "values"),
                torch.sparse_bsr: ("crow_indices", "col_indices", "values"),
                torch.sparse_bsc: ("ccol_indices", "row_indices", "values"),
            }.get(t.layout, ())
            for name in parts:
                self.tensor(f"{path}.{name.lstrip('_')}", getattr(t, name)())
            return
        if t.device.type == "meta":
            self.tensors[path] = {"dtype": str(t.dtype)[6:], "shape": list(t.shape), "layout": "meta"}
            return
        self.keep.append(t)
        pointer = t.untyped_storage()._cdata
        number = self.storages.setdefault(pointer, len(self.storages))
        self.tensors[path] = {
            "dtype": str(t.dtype)[6:], "shape": list(t.shape), "stride": list(t.stride()), "storage": number,
            "sha256": hashlib.sha256(content(t)).hexdigest(), "class": type(t).__name__, "requires_grad": t.requires_grad,
        }

    def value(self, value, path="", seen=()):
        if isinstance(value, torch.Tensor):
            self.tensor(path, value)
        elif id(value) in seen:
            return
        elif isinstance(value, dict):
            for key, item in value.items():
                bare = path == "" and isinstance(key, str) and key.replace("-", "_").isidentifier() and key.isascii()
                inside = json.dumps(key, ensure_ascii=False) if isinstance(key, str) else repr(key)
                self.value(item, key if bare else f"{path}[{inside}]", (*seen, id(value)))
        elif isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
            for index, item in enumerate(value):
                self.value(item, f"{path}[{index}]", (*seen, id(value)))
        else:
            plain = type(value) in (int, float, str, bool, type(None)) and value not in (float("inf"), -float("inf"))
            self.values[path] = value if plain and value == value else repr(value)


def open_file(path):
    if path.endswith(".safetensors"):
        from safetensors.torch import load_file

        return load_file(path)
    if path.endswith(".npz"):
        with np.load(path, allow_pickle=False) as arrays:
            return {name: torch.from_numpy(np.ascontiguousarray(arrays[name]).reshape(arrays[name].shape)) for name in arrays.files}
    return torch.load(path, weights_only=True, map_location="cpu")


def read(request):
    root = open_file(request["read"])
    describer = Describer()
    describer.value(root)
    metadata = getattr(root, "_metadata", None)
    if metadata is None and isinstance(root, dict):
        metadata = getattr(root.get("state_dict"), "_metadata", None)
    return {"tensors": describer.tensors, "values": describer.values, "metadata": metadata}


def cast(request):
    """Names of tensors that are not, bit for bit, what `.to(dtype)` gives; all NaNs count as one."""
    source, made = open_file(request["cast"]), open_file(request["to"])
    dtype = getattr(torch, request["dtype"])
    wrong = []
    for name, tensor in source.items():
        expected = tensor.to(dtype) if tensor.is_floating_point() else tensor
        got = made[name]
        same = got.dtype == expected.dtype and got.shape == expected.shape
        if same and got.is_floating_point():
            nan = torch.isnan(expected.float())
            same = torch.equal(nan, torch.isnan(got.float())) and torch.equal(
                torch.where(nan, torch.zeros_like(got), got).view(INTS[got.element_size()]),
                torch.where(nan, torch.zeros_like(expected), expected).view(INTS[got.element_size()]),
            )
        elif same:
            same = torch.equal(got, expected)
        if not same:
            wrong.append(name)
    return {"wrong": wrong, "compared": len(source)}


def patterns(request):
    """Write a file with every bit pattern of the small float dtypes, and those of the large ones that rounding turns on."""
    halves = torch.arange(65536, dtype=torch.int32).to(torch.int16)
    f16, bf16 = halves.view(torch.float16), halves.view(torch.bfloat16)
    exact = torch.cat([f16.float(), bf16.float()])
    bits = exact.view(torch.int32)
    # Around every half: the float32 next to it, and the ones about the middle to the next half.
    steps = [0, 1, -1, 1 << 12, (1 << 12) - 1, (1 << 12) + 1, 1 << 15, (1 << 15) - 1, (1 << 15) + 1]
    f32 = torch.cat([(bits + step).view(torch.float32) for step in steps])
    generator = torch.Generator().manual_seed(1)
    f32 = torch.cat([f32, torch.randint(-(2**31), 2**31, (1 << 20,), generator=generator).to(torch.int32).view(torch.float32)])
    f64 = torch.cat([exact.double() * (1 + 2.0**-30), exact.double(), f32[:200000].double() * (1 - 2.0**-40)])
    wide = torch.tensor([1e39, -1e39, 1e300, 3.4028235677973366e38, 5e-324, float("nan"), float("inf"), -0.0], dtype=torch.float64)
    bytes_ = torch.arange(256, dtype=torch.int32).to(torch.uint8)
    eights = {name: bytes_.view(getattr(torch, name)) for name in
              ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu")}
    made = {"f16": f16, "bf16": bf16, "f32": f32, "f64": f64, "wide": wide, "ints": halves, "flag": bytes_ > 7, **eights}
    torch.save({name: tensor.clone() for name, tensor in made.items()}, request["patterns"])
    return {}


def verdict(request):
    """What torch.load(weights_only=True) says of a file, which may be hostile: in a process that may die of it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
        signal.alarm(20)
        try:
            torch.load(request["verdict"], weights_only=True, map_location="cpu")
            answer = "accepted"
        except BaseException as error:
            answer = f"{type(error).__name__}: {error}"
        os.write(writing, answer[:60000].encode(errors="replace"))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read().decode(errors="replace")
    os.waitpid(child, 0)
    return {"verdict": answer}


COMMANDS = {"read": read, "cast": cast, "patterns": patterns, "verdict": verdict}

if __name__ == "__main__":
    answers = []
    for request in json.load(sys.stdin):
        command = next(COMMANDS[name] for name in request if name in COMMANDS)
        try:
            answers.append(command(request))
        except Exception as error:  # told to the test, which knows whether it may be
            answers.append({"error": f"{type(error).__name__}: {error}"})
    json.dump(answers, sys.stdout)
