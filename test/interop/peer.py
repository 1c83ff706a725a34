"""What real PyTorch and Lightning make of ltrain's files, as one JSON object on stdout. Used by the interop tests."""
import argparse
import hashlib
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

warnings.filterwarnings("ignore")
import logging

for name in ("lightning", "pytorch_lightning", "lightning_fabric", "lightning.pytorch"):
    logging.getLogger(name).setLevel(logging.ERROR)
import pytorch_lightning as pl

torch.set_num_threads(1)


class LitAutoEncoder(pl.LightningModule):
    """The module that ltrain builds in, written as its users have it in Python."""

    def __init__(self, in_features=784, hidden=64, latent=3, lr=1e-3, step_size=None, gamma=0.1):
        super().__init__()
        self.save_hyperparameters()
        self.encoder = nn.Sequential(nn.Linear(in_features, hidden), nn.ReLU(), nn.Linear(hidden, latent))
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, in_features))
        self.losses = []
        self.setup_optimizers = None

    def training_step(self, batch, batch_idx):
        x = batch[0].flatten(1)
        loss = nn.functional.mse_loss(self.decoder(self.encoder(x)), x)
        self.log("train_loss", loss)
        self.losses.append(loss.item())
        return loss

    def validation_step(self, batch, batch_idx):
        x = batch[0].flatten(1)
        self.log("val_loss", nn.functional.mse_loss(self.decoder(self.encoder(x)), x))

    def configure_optimizers(self):
        if self.setup_optimizers is not None:
            return self.setup_optimizers(self)
        return torch.optim.Adam(self.parameters(), lr=self.hparams.lr)


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


def load(args):
    """torch.load with its safe default: the whole tree must be acceptable to it."""
    root = torch.load(args.path, weights_only=True, map_location="cpu")
    plain = {k: v for k, v in root.items() if isinstance(v, (int, float, str))}
    return {
        "keys": list(root),
        "plain": plain,
        "tensors": {path: describe(t) for path, t in tensors_of(root)},
        "metadata": getattr(root.get("state_dict", root), "_metadata", None),
        "hyper_parameters": root.get("hyper_parameters"),
        "precision": {k: [type(v).__name__, v] for k, v in root.get("MixedPrecision", {}).items()},
    }


def load_from_checkpoint(args):
    module = LitAutoEncoder.load_from_checkpoint(args.path)
    return {
        "hparams": dict(module.hparams),
        "tensors": {name: describe(t) for name, t in module.state_dict().items()},
    }


def load_encoder(args):
    """`Encoder().load_state_dict(torch.load(out), strict=True)`, as the documentation has it."""
    encoder = nn.Sequential(nn.Linear(args.in_features, args.hidden), nn.ReLU(), nn.Linear(args.hidden, args.latent))
    weights = torch.load(args.path, weights_only=True)
    result = encoder.load_state_dict(weights, strict=True)
    return {"missing": result.missing_keys, "tensors": {name: describe(t) for name, t in encoder.state_dict().items()}}


def load_safetensors(args):
    from safetensors.torch import load_file

    return {"tensors": {name: describe(t) for name, t in load_file(args.path).items()}}


def idx(path):
    raw = Path(path).read_bytes()
    dims = raw[3]
    shape = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(dims)]
    return torch.from_numpy(np.frombuffer(raw, dtype=np.uint8, offset=4 + 4 * dims).reshape(shape).copy())


def setup_optimizers(spec):
    def configure(module):
        optimizer = getattr(torch.optim, spec["optimizer"])(module.parameters(), **spec["optimizer_args"])
        if spec.get("scheduler") is None:
            return optimizer
        scheduler = getattr(torch.optim.lr_scheduler, spec["scheduler"])(optimizer, **spec["scheduler_args"])
        return {"optimizer": optimizer, "lr_scheduler": scheduler}

    return configure


def precision_plugins(spec):
    """The trainer's own `precision` would make bf16-mixed of 16-mixed on the CPU; the plugin does as it is told."""
    if spec.get("precision") is None:
        return []
    scaler = torch.amp.GradScaler(device="cpu", **spec.get("scaler", {})) if spec["precision"] == "16-mixed" else None
    return [pl.plugins.MixedPrecision(spec["precision"], "cpu", scaler)]


def fit(args):
    """Train (or go on training) on an IDX folder; every step's loss, and a checkpoint per epoch."""
    spec = json.loads(args.spec)
    x = idx(Path(args.data) / "train-images-idx3-ubyte").flatten(1).float() / 255
    if "train_size" in spec:
        x = x[: spec["train_size"]]
    pl.seed_everything(spec.get("seed", 42))
    module = LitAutoEncoder(**spec["init_args"])
    module.setup_optimizers = setup_optimizers(spec)
    loader = DataLoader(TensorDataset(x), batch_size=spec["batch_size"], shuffle=spec.get("shuffle", False))
    callbacks = [pl.callbacks.ModelCheckpoint(dirpath=args.out, save_top_k=-1, **spec.get("checkpoint", {}))]
    trainer = pl.Trainer(
        max_epochs=spec["max_epochs"], accelerator="cpu", logger=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=callbacks, num_sanity_val_steps=0, plugins=precision_plugins(spec),
    )
    trainer.fit(module, loader, ckpt_path=args.ckpt_path)
    return {
        "losses": module.losses,
        "checkpoints": sorted(str(p) for p in Path(args.out).glob("*.ckpt")),
        "tensors": {name: describe(t) for name, t in module.state_dict().items()},
        "global_step": trainer.global_step,
        "lr": [group["lr"] for group in trainer.optimizers[0].param_groups],
        "scaler": trainer.scaler.state_dict() if trainer.scaler is not None else None,
    }


COMMANDS = {f.__name__: f for f in (load, load_from_checkpoint, load_encoder, load_safetensors, fit)}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("path", nargs="?")
    parser.add_argument("--in-features", type=int, default=784)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--latent", type=int, default=3)
    parser.add_argument("--data")
    parser.add_argument("--spec")
    parser.add_argument("--out")
    parser.add_argument("--ckpt-path")
    args = parser.parse_args()
    stdout, sys.stdout = sys.stdout, sys.stderr
    json.dump(COMMANDS[args.command](args), stdout)
