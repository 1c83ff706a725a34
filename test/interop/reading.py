"""Files that real torch and numpy write, and what is in them: `python reading.py FOLDER` leaves the files there and
prints {files: {file: {path: {dtype, shape, stride, storage_offset, sha256}}}}, paths written as the fixtures' twins write
them, and the digests of the constants of frozen.pt."""
import hashlib
import io
import json
import os
import pickle
import struct
import sys
import tarfile
import warnings
from collections import OrderedDict

warnings.filterwarnings("ignore")
import numpy as np
import torch
import torch.distributed.checkpoint as dcp
from torch import nn

torch.manual_seed(0)
folder = sys.argv[1]
expected = {}
DTYPES = [d for d in (getattr(torch, n) for n in dir(torch)) if isinstance(d, torch.dtype)]


def sha(t):
    t = t.detach().resolve_conj().resolve_neg().contiguous()
    return hashlib.sha256(bytes(t.untyped_storage())[t.storage_offset() * t.element_size():][: t.numel() * t.element_size()]).hexdigest()


def describe(t):
    return {"dtype": str(t.dtype)[6:], "shape": list(t.shape), "stride": list(t.stride()), "storage_offset": t.storage_offset(), "sha256": sha(t)}


def walk(v, path=""):
    if isinstance(v, torch.Tensor):
        yield path, describe(v)
    elif isinstance(v, dict):
        for k, x in v.items():
            bare = path == "" and isinstance(k, str) and k.replace("-", "_").isidentifier()
            yield from walk(x, k if bare else f"{path}[{json.dumps(k) if isinstance(k, str) else repr(k)}]")
    elif isinstance(v, (list, tuple)):
        for i, x in enumerate(v):
            yield from walk(x, f"{path}[{i}]")


def expect(name, value):
    expected[name] = dict(walk(value))


def at(name):
    return os.path.join(folder, name)


def some(dtype, shape=(3, 4)):
    size = torch.empty(1, dtype=dtype).element_size()
    count = int(np.prod(shape))
    raw = torch.randint(0, 2 if dtype == torch.bool else 256, (count * size,), dtype=torch.uint8)
    return raw.view(dtype).reshape(shape)


# Every dtype, zipped and as before torch 1.6, with every pickle protocol.
dense = {}
for dtype in sorted(set(DTYPES), key=str):
    try:
        t = some(dtype)
        torch.save(t, io.BytesIO())
        dense[str(dtype)[6:]] = t
    except Exception:
        pass
for protocol in range(2, 6):
    name = f"dtypes-protocol{protocol}.pt"
    torch.save(dense, at(name), pickle_protocol=protocol)
    expect(name, dense)
old = {k: v for k, v in dense.items() if k in ("float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool", "complex64", "complex128")}
for protocol in range(2, 6):
    name = f"legacy-protocol{protocol}.pth"
    torch.save(old, at(name), pickle_protocol=protocol, _use_new_zipfile_serialization=False)
    expect(name, old)

# Views of one storage in every way.
base = torch.arange(120, dtype=torch.float32).reshape(4, 5, 6)
views = {
    "base": base, "t": base.transpose(0, 2), "p": base.permute(1, 2, 0), "slice": base[1:3, ::2, 1::3], "offset": base[2],
    "expanded": base[0, 0, :1].expand(7), "unfold": base.reshape(-1).unfold(0, 6, 3), "diagonal": base[0, :5, :5].diagonal(),
    "scalar": base[1, 2, 3], "empty": base[:, :0], "flat": base.reshape(-1), "strided": torch.as_strided(base, (3, 3), (7, 2), 5),
}
torch.save(views, at("views.pt"))
expect("views.pt", views)
torch.save(views, at("views-legacy.pt"), _use_new_zipfile_serialization=False)
expect("views-legacy.pt", views)
z = torch.randn(3, 4, dtype=torch.complex64)
lazy = {"conj": z.conj(), "neg": torch._neg_view(torch.randn(3)), "both": z.T.conj(), "plain": z}
torch.save(lazy, at("lazy.pt"))
expect("lazy.pt", lazy)

# A view in the words of torch before 0.4: the sixth part of a storage's persistent id.
class OldPickler(pickle.Pickler):
    def persistent_id(self, obj):
        if isinstance(obj, tuple) and obj and obj[0] == "a storage":
            _, key, numel, view = obj
            return ("storage", torch.FloatStorage, key, "cpu", numel, view)
        return None

class Rebuilt:
    def __init__(self, storage, offset, size, stride):
        self.args = (storage, offset, size, stride)
    def __reduce__(self):
        return torch._utils._rebuild_tensor, self.args

root = np.arange(8, dtype="<f4")
with open(at("legacy-view.pth"), "wb") as f:
    for part in (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}):
        pickle.dump(part, f, protocol=2)
    OldPickler(f, protocol=2).dump({
        "whole": Rebuilt(("a storage", "7", 8, None), 0, (2, 4), (4, 1)),
        "view": Rebuilt(("a storage", "7", 8, ("8", 3, 4)), 1, (3,), (1,)),
    })
    pickle.dump(["7"], f, protocol=2)
    f.write(struct.pack("<Q", 8) + root.tobytes())
expect("legacy-view.pth", torch.load(at("legacy-view.pth")))

# A tar of torch 0.1, by its layout; torch reads it still.
def member(tar, name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))

def dumps(v):
    return pickle.dumps(v, protocol=2)

class TarPickler(pickle.Pickler):
    def persistent_id(self, obj):
        return str(obj.number) if isinstance(obj, Numbered) else None

class Numbered:
    def __init__(self, number):
        self.number = number

storages = dumps(2) + dumps((1, "cpu", torch.FloatStorage)) + struct.pack("<q", 6) + np.arange(6, dtype="<f4").tobytes()
storages += dumps((2, "cuda:0", torch.LongStorage)) + struct.pack("<q", 2) + np.array([7, -8], dtype="<i8").tobytes()
storages += dumps([(3, 1, 2, 4)])
def old_tensor(key, storage, cls, size, stride, offset):
    n = len(size)
    return dumps((key, storage, cls)) + struct.pack("<i4x", n) + struct.pack(f"<{n}q", *size) + struct.pack(f"<{n}q", *stride) + struct.pack("<q", offset)
tensors = dumps(3) + old_tensor(11, 1, torch.FloatTensor, (2, 3), (1, 2), 0) + old_tensor(12, 2, torch.LongTensor, (2,), (1,), 0) + old_tensor(13, 3, torch.FloatTensor, (2,), (2,), 1)
buffer = io.BytesIO()
TarPickler(buffer, protocol=2).dump(OrderedDict(w=Numbered(11), n=Numbered(12), v=Numbered(13)))
with tarfile.open(at("tar.pt"), "w", format=tarfile.PAX_FORMAT) as tar:
    member(tar, "sys_info", dumps({"protocol_version": 1000, "little_endian": True, "type_sizes": {}}))
    member(tar, "pickle", buffer.getvalue())
    member(tar, "tensors", tensors)
    member(tar, "storages", storages)
expect("tar.pt", torch.load(at("tar.pt"), weights_only=False, map_location="cpu"))

# TorchScript: scripted with submodules and lists of them, traced, frozen.
class Inner(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.randn(2))
        self.register_buffer("count", torch.tensor(3))
        self.note = torch.randn(2)
    def forward(self, x):
        return x * self.scale + self.note

class Outer(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(2, 2), Inner(), nn.BatchNorm1d(2)])
        self.tied = self.layers[0].weight
        self.register_buffer("hidden", torch.randn(2), persistent=False)
    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x + self.hidden

outer = Outer().eval()
for name, script in (("script.pt", torch.jit.script(outer)), ("trace.pt", torch.jit.trace(outer, torch.randn(3, 2)))):
    script.save(at(name))
    expect(name, torch.jit.load(at(name)).state_dict())
# What is neither parameter nor buffer is no part of the state_dict, and is shown beside it.
note = describe(outer.layers[1].note)
expected["script.pt"]['.attributes["layers.1.note"]'] = note
expected["trace.pt"][".constants[0]"] = note
frozen = torch.jit.freeze(torch.jit.script(outer))
frozen.save(at("frozen.pt"))
loaded = torch.jit.load(at("frozen.pt"))
constants = [node.t("value") for node in loaded.graph.findAllNodes("prim::Constant") if node.hasAttribute("value") and node.kindOf("value") == "t"]
frozen_shas = sorted({sha(c) for c in constants})

# Distributed checkpoints: nested dicts and lists, numbers, two dtypes.
state = {"model": {"a.w": some(torch.float32, (5, 3)), "b": torch.tensor(2.5)}, "list": [torch.arange(3), {"x": some(torch.bfloat16, (2,))}], "epoch": 4, "name": "run"}
dcp.save(state, checkpoint_id=at("dcp"), no_dist=True)
expect("dcp", state)

# numpy: every dtype, both orders, pickled arrays, one array.
arrays = {d.replace("<", "le").replace(">", "be"): np.arange(6).reshape(2, 3).astype(d) for d in ("<i2", ">i2", "<u8", ">f8", "<f2", ">c8", "|i1", "?", "<u2", ">u4")}
arrays["fortran"] = np.asfortranarray(np.arange(6.0).reshape(2, 3))
arrays["scalar"] = np.float32(1.5)
def from_numpy(a):
    a = np.asarray(a)
    return torch.from_numpy(a.astype(a.dtype.newbyteorder("="), order="K", copy=True).reshape(a.shape) if a.ndim else a.copy())
for name, save in (("arrays.npz", np.savez), ("packed.npz", np.savez_compressed)):
    save(at(name), **arrays)
    expect(name, {k: from_numpy(v) for k, v in np.load(at(name)).items()})
np.save(at("one.npy"), arrays["fortran"])
expected["one.npy"] = {"": describe(from_numpy(arrays["fortran"]))}

# Plain pickle: every storage is a file of its own inside.
for protocol in range(2, 6):
    name = f"plain{protocol}.pkl"
    plain = {"a": some(torch.float32), "b": some(torch.int16)[:, 1:3], "c": some(torch.bfloat16), "p": nn.Parameter(torch.ones(2))}
    pickle.dump(plain, open(at(name), "wb"), protocol=protocol)
    expect(name, plain)

# Sharded, as Hugging Face writes it.
os.makedirs(at("shards"))
shards = {"model-00001-of-00002.safetensors": {"a": some(torch.float32), "b": some(torch.float16)}, "model-00002-of-00002.safetensors": {"c": some(torch.int64)}}
from safetensors.torch import save_file
for name, part in shards.items():
    save_file(part, at(f"shards/{name}"))
index = {"metadata": {"total_size": 1}, "weight_map": {k: name for name, part in shards.items() for k in part}}
json.dump(index, open(at("shards/model.safetensors.index.json"), "w"))
expect("shards", {k: v for part in shards.values() for k, v in part.items()})
os.makedirs(at("bins"))
for i, (name, part) in enumerate(shards.items()):
    torch.save(part, at(f"bins/pytorch_model-{i}.bin"))
index = {"metadata": {}, "weight_map": {k: f"pytorch_model-{i}.bin" for i, part in enumerate(shards.values()) for k in part}}
json.dump(index, open(at("bins/pytorch_model.bin.index.json"), "w"))
expect("bins", {k: v for part in shards.values() for k, v in part.items()})

# ZeRO, by the layout that zero_to_fp32.py reads: the answer is what went in.
def zero(stage, ranks, params, groups):
    name = f"zero{stage}"
    os.makedirs(at(name))
    shapes = [OrderedDict((k, params[k].shape) for k in group) for group in groups]
    flat = [[] for _ in range(ranks)]
    for group in groups:
        if stage <= 2:
            whole = torch.cat([params[k].reshape(-1) for k in group])
            whole = torch.cat([whole, torch.zeros(-len(whole) % (2 * ranks))])
            for rank, part in enumerate(whole.chunk(ranks)):
                flat[rank].append(part.clone())
        else:
            pieces = [[] for _ in range(ranks)]
            for k in group:
                whole = params[k].reshape(-1)
                whole = torch.cat([whole, torch.zeros(-len(whole) % ranks)])
                for rank, part in enumerate(whole.chunk(ranks)):
                    pieces[rank].append(part)
            for rank in range(ranks):
                flat[rank].append(torch.cat(pieces[rank]))
    module = OrderedDict((k, v.half()) for k, v in params.items())
    model = {"module": module, "buffer_names": [], "param_shapes": shapes, "shared_params": {"tied": groups[0][0]}, "ds_version": "0.16.0", "dp_world_size": ranks, "global_steps": 3}
    prefix = "zero_pp_rank_0_mp_rank_00" if stage == 3 else "mp_rank_00"
    torch.save(model, at(f"{name}/{prefix}_model_states.pt"))
    key = "single_partition_of_fp32_groups" if stage <= 2 else "fp32_flat_groups"
    for rank in range(ranks):
        inner = {"zero_stage": stage, "partition_count": ranks, key: flat[rank]}
        torch.save({"optimizer_state_dict": inner}, at(f"{name}/zero_pp_rank_{rank}_mp_rank_00_optim_states.pt"))
    full = {k: params[k] for group in groups for k in group}
    expect(name, {"state_dict": {**full, "tied": params[groups[0][0]]}, "module": module})

params = {f"p{i}": torch.randn(shape) for i, shape in enumerate([(3, 4), (5,), (), (2, 3, 2), (7,)])}
zero(2, 3, params, [["p0", "p1", "p2"], ["p3", "p4"]])
zero(3, 4, params, [["p0", "p1", "p2", "p3", "p4"]])

json.dump({"files": expected, "frozen": frozen_shas}, sys.stdout)
