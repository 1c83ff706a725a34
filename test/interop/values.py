"""Values as people put them beside their weights: `python values.py FOLDER` writes them with every pickle protocol and
prints {values: {file: {key: {type, text}}}, parts: {file: {key: {layout, dtype, shape, parts: {name: sha256}}}}}."""
import collections
import datetime
import decimal
import fractions
import hashlib
import json
import os
import pathlib
import sys
import uuid
import warnings
import zoneinfo

warnings.filterwarnings("ignore")
import numpy as np
import torch

folder = sys.argv[1]
tz = datetime.timezone
values = {
    "path": pathlib.PurePosixPath("/data/x y/z"),
    "relative": pathlib.PurePosixPath("a/b.ckpt"),
    "here": pathlib.PurePosixPath("."),
    "windows": pathlib.PureWindowsPath("C:\\data\\x"),
    "datetime": datetime.datetime(2024, 2, 29, 12, 30, 15, 123456),
    "midnight": datetime.datetime(1, 1, 1),
    "east": datetime.datetime(2024, 1, 1, 8, tzinfo=tz(datetime.timedelta(hours=5, minutes=30))),
    "west": datetime.datetime(2024, 1, 1, tzinfo=tz(-datetime.timedelta(hours=3))),
    "fold": datetime.datetime(2024, 10, 27, 2, 30, fold=1),
    "date": datetime.date(1999, 12, 31),
    "time": datetime.time(23, 59, 59, 5),
    "short": datetime.timedelta(seconds=61),
    "negative": datetime.timedelta(seconds=-1),
    "days": datetime.timedelta(days=3, microseconds=7),
    "utc": tz.utc,
    "zone": tz(datetime.timedelta(hours=-2)),
    "decimal": decimal.Decimal("1E+3"),
    "fraction": fractions.Fraction(-22, 7),
    "whole": fractions.Fraction(4, 2),
    "uuid": uuid.UUID(int=2**127 + 5),
    "device": torch.device("cuda:1"),
    "cpu": torch.device("cpu"),
}
scalars = [np.float64(0.1), np.float32(0.1), np.float16(0.1), np.int8(-5), np.uint64(2**63 + 1), np.int64(-(2**62)), np.bool_(True), np.complex128(1 - 2j), np.float64("nan"), np.float64("-inf"), np.float32(1e-30), np.uint16(65535)]
for i, s in enumerate(scalars):
    values[f"numpy{i}"] = s


def text(v):
    if isinstance(v, np.complexfloating):
        return str(complex(v))
    return str(float(v)) if isinstance(v, np.floating) else str(v)


def kind(v):
    t = type(v)
    return "numpy.bool" if t is np.bool_ else f"{t.__module__}.{t.__qualname__}"


answer = {"values": {}, "parts": {}}
for protocol in range(0, 6):
    name = f"values{protocol}.pt"
    torch.save(values, os.path.join(folder, name), pickle_protocol=protocol)
    answer["values"][name] = {k: {"type": kind(v), "text": text(v)} for k, v in values.items()}


def sha(t):
    t = t.detach().contiguous()
    return hashlib.sha256(bytes(t.untyped_storage())[t.storage_offset() * t.element_size():][: t.numel() * t.element_size()]).hexdigest()


dense = torch.tensor([[0.0, 1, 0, 2], [3, 0, 0, 0], [0, 0, 4, 5], [0, 6, 0, 0]])
kinds = {
    "coo": dense.to_sparse(), "csr": dense.to_sparse_csr(), "csc": dense.to_sparse_csc(), "bsr": dense.to_sparse_bsr((2, 2)),
    "bsc": dense.to_sparse_bsc((2, 2)), "hybrid": torch.stack([dense, dense], 2).to_sparse(2), "param": torch.nn.Parameter(dense.to_sparse()),
    "doubles": dense.double().to_sparse(),
    "meta": torch.empty(3, 4, dtype=torch.float16, device="meta"),
}
NAMES = {
    torch.sparse_coo: lambda t: {"indices": t._indices(), "values": t._values()},
    torch.sparse_csr: lambda t: {"crow_indices": t.crow_indices(), "col_indices": t.col_indices(), "values": t.values()},
    torch.sparse_csc: lambda t: {"ccol_indices": t.ccol_indices(), "row_indices": t.row_indices(), "values": t.values()},
    torch.sparse_bsr: lambda t: {"crow_indices": t.crow_indices(), "col_indices": t.col_indices(), "values": t.values()},
    torch.sparse_bsc: lambda t: {"ccol_indices": t.ccol_indices(), "row_indices": t.row_indices(), "values": t.values()},
}
for protocol in (2, 5):
    name = f"kinds{protocol}.pt"
    torch.save(kinds, os.path.join(folder, name), pickle_protocol=protocol)
    answer["parts"][name] = {
        k: {"layout": "meta" if t.is_meta else str(t.layout)[6:], "dtype": str(t.dtype)[6:], "shape": list(t.shape),
            "parts": {} if t.is_meta else {n: sha(p) for n, p in NAMES[t.layout](t).items()}}
        for k, t in kinds.items()
    }
json.dump(answer, sys.stdout)
