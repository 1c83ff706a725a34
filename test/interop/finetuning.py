"""Real torch and Lightning for the tests of fine-tuning and of hyperparameters; one JSON object on stdout."""
import json
import logging
import sys
import warnings

import torch
from torch import nn

warnings.filterwarnings("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
import pytorch_lightning as pl

torch.set_num_threads(1)
STEPS = 12


class LitClassifier(pl.LightningModule):
    """ltrain's built-in module, as its users have it in Python."""

    def __init__(self, in_features=784, hidden=(128,), num_classes=10, lr=1e-3):
        super().__init__()
        self.save_hyperparameters()
        sizes = [in_features, *hidden]
        layers = [part for a, b in zip(sizes, sizes[1:]) for part in (nn.Linear(a, b), nn.ReLU())]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], num_classes))

    def training_step(self, batch, batch_idx):
        return nn.functional.cross_entropy(self.layers(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.hparams.lr)


class ConfModule(pl.LightningModule):
    def __init__(self, conf):
        super().__init__()
        self.save_hyperparameters(conf)
        self.layer = nn.Linear(conf["in_dim"], conf["out_dim"])


def data(features):
    generator = torch.Generator().manual_seed(5)
    return torch.randn(24, features, generator=generator), torch.randint(0, 3, (24,), generator=generator)


def batches(x, y):
    for step in range(STEPS):
        start = step * 4 % 24
        yield x[start : start + 4], y[start : start + 4]


def pretrain(folder):
    """A pretrained state_dict, the data, and the losses of fine-tuning it in torch: all but the last layer is kept."""
    pl.seed_everything(1)
    pretrained = LitClassifier(8, (6, 5), 10)
    torch.save(pretrained.state_dict(), f"{folder}/pretrained.pt")
    x, y = data(8)
    pl.seed_everything(42)
    net = LitClassifier(8, (6, 5), 3, lr=0.05)
    kept = {name: value for name, value in torch.load(f"{folder}/pretrained.pt").items() if not name.startswith("layers.4.")}
    net.load_state_dict(kept, strict=False)
    optimizer, losses = net.configure_optimizers(), []
    for batch in batches(x, y):
        optimizer.zero_grad()
        loss = net.training_step(batch, 0)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    rows = [[*map(float, row), int(label)] for row, label in zip(x.tolist(), y.tolist())]
    return {"losses": losses, "rows": rows}


def write(folder):
    """Files of Lightning's with hyperparameters."""
    trainer = pl.Trainer(logger=False, max_epochs=1, enable_progress_bar=False, enable_model_summary=False)
    for name, module in (("classifier", LitClassifier(8, (4,), 3, lr=0.25)), ("conf", ConfModule({"in_dim": 3, "out_dim": 2}))):
        trainer.strategy.connect(module)
        trainer.save_checkpoint(f"{folder}/{name}.ckpt")
    return {}


def load(path):
    """load_from_checkpoint as the documentation has it: as it is, and with an override."""
    module = LitClassifier.load_from_checkpoint(path)
    other = LitClassifier.load_from_checkpoint(path, lr=0.5)
    return {"hparams": dict(module.hparams), "lr": other.hparams.lr, "hidden": list(other.hparams.hidden)}


def load_conf(path):
    module = ConfModule.load_from_checkpoint(path)
    return {"hparams": dict(module.hparams), "shape": list(module.layer.weight.shape)}


stdout, sys.stdout = sys.stdout, sys.stderr
json.dump({f.__name__: f for f in (pretrain, write, load, load_conf)}[sys.argv[1]](sys.argv[2]), stdout)
