"""The same training runs in real Lightning: steps per second after the first 50 steps, as one JSON object on stdout."""
import argparse
import json
import logging
import resource
import sys
import time
import warnings
from pathlib import Path

START = time.perf_counter()

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

warnings.filterwarnings("ignore")
for name in ("lightning", "pytorch_lightning", "lightning_fabric", "lightning.pytorch"):
    logging.getLogger(name).setLevel(logging.ERROR)
import pytorch_lightning as pl

WARM_UP_STEPS = 50


def idx(path):
    raw = Path(path).read_bytes()
    shape = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(raw[3])]
    return torch.from_numpy(np.frombuffer(raw, dtype=np.uint8, offset=4 + 4 * raw[3]).reshape(shape).copy())


class AutoEncoder(pl.LightningModule):
    def __init__(self, hidden=64, latent=3, lr=1e-3):
        super().__init__()
        self.save_hyperparameters()
        self.encoder = nn.Sequential(nn.Linear(784, hidden), nn.ReLU(), nn.Linear(hidden, latent))
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, 784))

    def training_step(self, batch, batch_idx):
        x = batch[0]
        loss = nn.functional.mse_loss(self.decoder(self.encoder(x)), x)
        self.log("train_loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.hparams.lr)


class CNN(pl.LightningModule):
    def __init__(self, lr=1e-3):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(64 * 12 * 12, 128), nn.ReLU(), nn.Linear(128, 10),
        )

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = nn.functional.cross_entropy(self.net(x), y)
        self.log("train_loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.hparams.lr)


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (part.view(b, t, self.heads, c // self.heads).transpose(1, 2) for part in self.attn(self.ln_1(x)).split(c, 2))
        y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(b, t, c)
        x = x + self.proj(y)
        return x + self.mlp(self.ln_2(x))


class GPT(pl.LightningModule):
    def __init__(self, vocab=96, layers=4, width=128, heads=4, context=64, lr=3e-4):
        super().__init__()
        self.save_hyperparameters()
        self.wte, self.wpe = nn.Embedding(vocab, width), nn.Embedding(context, width)
        self.blocks = nn.Sequential(*[Block(width, heads) for _ in range(layers)])
        self.ln_f, self.head = nn.LayerNorm(width), nn.Linear(width, vocab, bias=False)
        self.head.weight = self.wte.weight  # tied, as ltrain's CharGPT has it

    def training_step(self, batch, batch_idx):
        x, y = batch
        h = self.wte(x) + self.wpe(torch.arange(x.shape[1], device=x.device))
        logits = self.head(self.ln_f(self.blocks(h)))
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten())
        self.log("train_loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=self.hparams.lr)


class Clock(pl.Callback):
    def __init__(self):
        self.first = self.begin = self.end = None
        self.steps = 0

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        now = time.perf_counter()
        self.steps += 1
        if self.first is None:
            self.first = now
        if self.steps == WARM_UP_STEPS:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.begin = time.perf_counter()

    def on_train_end(self, trainer, module):
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.end = time.perf_counter()


def dataset(kind, mnist, steps, batch_size):
    if kind == "gpt":
        tokens = torch.randint(0, 96, (4096 + 65,))
        starts = torch.arange(4096)
        windows = tokens[starts[:, None] + torch.arange(65)]
        return TensorDataset(windows[:, :-1].contiguous(), windows[:, 1:].contiguous())
    x = idx(f"{mnist}/train-images-idx3-ubyte").float() / 255
    y = idx(f"{mnist}/train-labels-idx1-ubyte").long()
    return TensorDataset(x.flatten(1) if kind == "ae" else x[:, None], y)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("ae", "cnn", "gpt"))
    parser.add_argument("--init-args", type=json.loads, default={})
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--mnist")
    parser.add_argument("--out", required=True)
    parser.add_argument("--accelerator", default="cpu")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    stdout, sys.stdout = sys.stdout, sys.stderr
    pl.seed_everything(42)
    module = {"ae": AutoEncoder, "cnn": CNN, "gpt": GPT}[args.kind](**args.init_args)
    loader = DataLoader(dataset(args.kind, args.mnist, args.steps, args.batch_size), args.batch_size, shuffle=True)
    clock = Clock()
    trainer = pl.Trainer(
        max_steps=args.steps, accelerator=args.accelerator, devices=1, enable_progress_bar=False,
        enable_model_summary=False, callbacks=[clock], default_root_dir=args.out,
        logger=pl.loggers.CSVLogger(args.out), num_sanity_val_steps=0,
    )
    trainer.fit(module, loader)
    json.dump({
        "steps_per_second": (clock.steps - WARM_UP_STEPS) / (clock.end - clock.begin),
        "first_step_seconds": clock.first - START,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "torch": torch.__version__, "lightning": pl.__version__, "threads": torch.get_num_threads(),
    }, stdout)
