"""
What real PyTorch and Lightning make of ltrain's files, and their own runs: for each line of stdin, a JSON object that
names a command and its arguments, one line with the answer. It is kept running: importing torch takes longer than any of
them. Used by the interop tests.
"""
import hashlib
import json
import sys
import traceback
import warnings

import torch
from torch import nn

warnings.filterwarnings("ignore")
import logging

for name in ("lightning", "pytorch_lightning", "lightning_fabric", "lightning.pytorch"):
    logging.getLogger(name).setLevel(logging.ERROR)
import fits
import models

torch.set_num_threads(1)


def sha256(tensor):
    return hashlib.sha256(tensor.detach().contiguous().cpu().reshape(-1).view(torch.uint8).numpy().tobytes()).hexdigest()


def tensors_of(value, path=""):
    """(path, tensor) pairs, with paths written as the fixtures' twins write them."""
    if isinstance(value, torch.Tensor):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            bare = path == "" and isinstance(key, str) and key.replace("-", "_").isidentifier()
            inside = json.dumps(key, ensure_ascii=False) if isinstance(key, str) else repr(key)
            yield from tensors_of(item, key if bare else f"{path}[{inside}]")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from tensors_of(item, f"{path}[{index}]")


def describe(tensor):
    return {"dtype": str(tensor.dtype)[6:], "shape": list(tensor.shape), "sha256": sha256(tensor)}


def load(path):
    """torch.load with its safe default: the whole tree must be acceptable to it."""
    root = torch.load(path, weights_only=True, map_location="cpu")
    plain = {k: v for k, v in root.items() if isinstance(v, (int, float, str))}
    return {
        "keys": list(root),
        "plain": plain,
        "tensors": {path: describe(t) for path, t in tensors_of(root)},
        "metadata": getattr(root.get("state_dict", root), "_metadata", None),
        "hyper_parameters": root.get("hyper_parameters"),
        "precision": {k: [type(v).__name__, v] for k, v in root.get("MixedPrecision", {}).items()},
    }


def load_from_checkpoint(path):
    module = models.LitAutoEncoder.load_from_checkpoint(path)
    return {
        "hparams": dict(module.hparams),
        "tensors": {name: describe(t) for name, t in module.state_dict().items()},
    }


def load_encoder(path, hidden, latent):
    """`Encoder().load_state_dict(torch.load(out), strict=True)`, as the documentation has it."""
    encoder = nn.Sequential(nn.Linear(784, hidden), nn.ReLU(), nn.Linear(hidden, latent))
    weights = torch.load(path, weights_only=True)
    result = encoder.load_state_dict(weights, strict=True)
    return {"missing": result.missing_keys, "tensors": {name: describe(t) for name, t in encoder.state_dict().items()}}


def load_safetensors(path):
    from safetensors.torch import load_file

    return {"tensors": {name: describe(t) for name, t in load_file(path).items()}}


def edit(path, out, code):
    """Another file: `code` changes `checkpoint`, which is then saved as torch saves it."""
    checkpoint = torch.load(path, weights_only=True)
    exec(code, {"checkpoint": checkpoint, "torch": torch})
    torch.save(checkpoint, out)
    return out


COMMANDS = {f.__name__: f for f in (load, load_from_checkpoint, load_encoder, load_safetensors, edit, fits.fit)}

if __name__ == "__main__":
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"answer": COMMANDS[request.pop("command")](**request)}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)
