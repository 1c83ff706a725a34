"""Runs of real Lightning, told by the same config that ltrain is given."""
from pathlib import Path

import models
import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, TensorDataset

SCHEDULER_CONFIG = ("interval", "frequency", "monitor", "strict", "name")


def class_name(node):
    """`torch.optim.SGD` and `./models.ts:Recurrent` by their last words."""
    return node["class_path"].replace(":", ".").rsplit(".", 1)[-1]


def args_of(node):
    return dict(node.get("init_args") or {})


def idx(path):
    raw = Path(path).read_bytes()
    dims = raw[3]
    shape = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(dims)]
    return torch.from_numpy(np.frombuffer(raw, dtype=np.uint8, offset=4 + 4 * dims).reshape(shape).copy())


class ResumableLoader(DataLoader):
    """
    Goes on where a checkpoint stands. With a plain DataLoader Lightning begins the pass again in mid-epoch: batches are
    trained twice and others never (docs/differences.md).
    """

    position = None

    def __iter__(self):
        if self.position is None:
            return super().__iter__()
        (batches, seed), self.position = self.position, None
        order = range(len(self.dataset))
        if seed is not None:  # as RandomSampler draws it
            order = torch.randperm(len(order), generator=torch.Generator().manual_seed(seed)).tolist()
        rest = order[batches * self.batch_size :]
        rows = [rest[i : i + self.batch_size] for i in range(0, len(rest), self.batch_size)]
        return (self.collate_fn([self.dataset[i] for i in row]) for row in rows)


class DataPosition(pl.Callback):
    """Tells the loader how many batches of the epoch the checkpoint has trained; ltrain's also in which order."""

    def __init__(self, loader):
        self.loader = loader

    def on_load_checkpoint(self, trainer, pl_module, checkpoint):
        batches = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]
        ltrain = checkpoint.get("ltrain")
        if not batches["is_last_batch"]:
            seed = None if ltrain is None else ltrain["data"]["train"]["sampler_seed"]
            self.loader.position = (batches["current"]["processed"], seed)
        if ltrain is not None:
            torch.set_rng_state(ltrain["rng_state"])


class Preempted(Exception):
    pass


class Preempt(pl.Callback):
    """The machine is taken away as the batch after `step` optimizer steps begins."""

    def __init__(self, step):
        self.step = step

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_step >= self.step:
            raise Preempted()


def loaders(node):
    """FirstImages: the first images of an IDX folder, or 17 of their pixels as 16 tokens and their followers."""
    args = args_of(node)
    pixels = idx(Path(args["folder"]) / "train-images-idx3-ubyte").flatten(1)
    labels = idx(Path(args["folder"]) / "train-labels-idx1-ubyte").long()
    if args.get("tokens"):
        tokens = (pixels[:, 14 * 28 + 6 : 14 * 28 + 23] // 32).long()
        x, y = tokens[:, :-1], tokens[:, 1:]
    else:
        x, y = pixels.float() / 255, labels

    def rows(start, count):
        return TensorDataset(x[start : start + count], y[start : start + count])

    size, val_size, batch_size = args["size"], args.get("val_size", 0), args["batch_size"]
    train = ResumableLoader(rows(0, size), batch_size=batch_size, shuffle=args.get("shuffle", False))
    return train, DataLoader(rows(size, val_size), batch_size=batch_size) if val_size > 0 else None


def scheduler_of(node, optimizer):
    args = {key: value for key, value in args_of(node).items() if key not in SCHEDULER_CONFIG}
    if "schedulers" in args:
        args["schedulers"] = [scheduler_of(inner, optimizer) for inner in args["schedulers"]]
    return getattr(torch.optim.lr_scheduler, class_name(node))(optimizer=optimizer, **args)


def optimizers_of(config):
    def configure(module):
        optimizer = getattr(torch.optim, class_name(config["optimizer"]))(
            module.parameters(), **args_of(config["optimizer"]))
        node = config.get("lr_scheduler")
        if node is None:
            return optimizer
        told = {key: value for key, value in args_of(node).items() if key in SCHEDULER_CONFIG}
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler_of(node, optimizer), **told}}

    return configure


def precision_plugins(precision, scaler):
    """The trainer's own `precision` would make bf16-mixed of 16-mixed on the CPU; the plugin does as it is told."""
    if precision is None:
        return []
    made = torch.amp.GradScaler(device="cpu", **(scaler or {})) if precision == "16-mixed" else None
    return [pl.plugins.MixedPrecision(precision, "cpu", made)]


def callback_of(node):
    name = class_name(node)
    own = {"Preempt": Preempt}
    return (own[name] if name in own else getattr(pl.callbacks, name))(**args_of(node))


def fit(config, out, ckpt_path=None, scaler=None, plain=False):
    """
    Train what a config says, or go on from `ckpt_path`; what this process saw. `plain`: with a DataLoader that does not
    know where a checkpoint stands.
    """
    options = dict(config["trainer"])
    precision = options.pop("precision", None)
    for name in ("accelerator", "engine", "default_root_dir", "logger"):
        options.pop(name, None)
    pl.seed_everything(config["seed_everything"])
    module = getattr(models, class_name(config["model"]))(**args_of(config["model"]))
    module.setup_optimizers = optimizers_of(config) if "optimizer" in config else None
    train, val = loaders(config["data"])
    callbacks = [callback_of(node) for node in options.pop("callbacks", [])]
    if not plain:
        callbacks.append(DataPosition(train))
    trainer = pl.Trainer(
        **options, callbacks=callbacks, default_root_dir=out, accelerator="cpu", logger=False,
        enable_progress_bar=False, enable_model_summary=False,
        plugins=precision_plugins(precision, scaler),
    )
    try:
        trainer.fit(module, train, val, ckpt_path=ckpt_path, weights_only=True if ckpt_path else None)
        preempted = False
    except Preempted:
        preempted = True
    return {
        "losses": module.train_losses,
        "val_losses": module.val_losses,
        "batches": module.seen,
        "learning_rates": module.learning_rates,
        "checkpoints": sorted(str(path) for path in Path(out).rglob("*.ckpt")),
        "global_step": trainer.global_step,
        "preempted": preempted,
        "scaler": trainer.scaler.state_dict() if trainer.scaler is not None else None,
    }
