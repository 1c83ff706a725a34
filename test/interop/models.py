"""The modules of the interop runs as users have them in Python: those that ltrain builds in, and the twins of models.ts."""
import math

import pytorch_lightning as pl
import torch
from torch import nn
from torch.nn import functional as F


class Trained(pl.LightningModule):
    """A module whose optimizers are chosen from outside, and who remembers every step: its loss, which batch it saw, its rate."""

    def __init__(self):
        super().__init__()
        self.train_losses, self.val_losses, self.seen, self.learning_rates = [], [], [], []
        self.setup_optimizers = None

    def training_step(self, batch, batch_idx):
        loss = self.loss(batch)
        self.log("train_loss", loss)
        self.train_losses.append(loss.item())
        self.seen.append(batch[0].sum().item())
        self.learning_rates.append(self.trainer.optimizers[0].param_groups[0]["lr"])
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", self.loss(batch))

    def on_validation_epoch_end(self):
        if not self.trainer.sanity_checking:
            self.val_losses.append(self.trainer.callback_metrics["val_loss"].item())

    def configure_optimizers(self):
        if self.setup_optimizers is not None:
            return self.setup_optimizers(self)
        return torch.optim.Adam(self.parameters(), lr=self.hparams.lr)


class LitAutoEncoder(Trained):
    def __init__(self, in_features=784, hidden=64, latent=3, lr=1e-3, step_size=None, gamma=0.1):
        super().__init__()
        self.save_hyperparameters()
        self.encoder = nn.Sequential(nn.Linear(in_features, hidden), nn.ReLU(), nn.Linear(hidden, latent))
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, in_features))

    def loss(self, batch):
        x = batch[0].flatten(1)
        return F.mse_loss(self.decoder(self.encoder(x)), x)


class LitCNN(Trained):
    def __init__(self, image_size=28, channels=(32, 64), hidden=128, num_classes=10, lr=1e-3):
        super().__init__()
        self.save_hyperparameters()
        first, second = channels
        side = (image_size - 4) // 2
        self.net = nn.Sequential(
            nn.Conv2d(1, first, 3), nn.ReLU(), nn.Conv2d(first, second, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(second * side * side, hidden), nn.ReLU(), nn.Linear(hidden, num_classes),
        )

    def loss(self, batch):
        x, y = batch
        return F.cross_entropy(self.net(x.view(-1, 1, self.hparams.image_size, self.hparams.image_size)), y)


class CausalSelfAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.heads = heads

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (part.view(b, t, self.heads, c // self.heads).transpose(1, 2) for part in self.c_attn(x).split(c, 2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(y.transpose(1, 2).reshape(b, t, c))


class MLP(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.c_fc, self.gelu, self.c_proj = nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)

    def forward(self, x):
        return self.c_proj(self.gelu(self.c_fc(x)))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.ln_1, self.attn = nn.LayerNorm(width), CausalSelfAttention(width, heads)
        self.ln_2, self.mlp = nn.LayerNorm(width), MLP(width)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class CharGPT(Trained):
    """nanoGPT: the head is tied to the token embedding."""

    def __init__(self, vocab_size=96, block_size=64, n_layer=4, n_head=4, n_embd=128, lr=1e-3, weight_decay=0.01):
        super().__init__()
        self.save_hyperparameters()
        self.transformer = nn.ModuleDict(dict(
            wte=nn.Embedding(vocab_size, n_embd), wpe=nn.Embedding(block_size, n_embd), drop=nn.Dropout(0.0),
            h=nn.ModuleList([Block(n_embd, n_head) for _ in range(n_layer)]), ln_f=nn.LayerNorm(n_embd)))
        self.lm_head = nn.Linear(n_embd, vocab_size, bias=False)
        self.transformer.wte.weight = self.lm_head.weight
        self.apply(self.initialise)
        for name, parameter in self.named_parameters():
            if name.endswith("c_proj.weight"):
                nn.init.normal_(parameter, mean=0.0, std=0.02 / math.sqrt(2 * n_layer))

    def initialise(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, mean=0.0, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def loss(self, batch):
        tokens, following = batch
        t = self.transformer
        x = t.wte(tokens) + t.wpe(torch.arange(tokens.shape[1]))
        for block in t.h:
            x = block(x)
        return F.cross_entropy(self.lm_head(t.ln_f(x)).flatten(0, 1), following.flatten())


class BatchNormMlp(Trained):
    """Running statistics, which a checkpoint has beside the weights."""

    def __init__(self, hidden=12):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(
            nn.Linear(784, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, hidden, bias=False),
            nn.BatchNorm1d(hidden, momentum=0.3), nn.Tanh(), nn.Linear(hidden, 10))

    def loss(self, batch):
        x, y = batch
        return F.cross_entropy(self.net(x), y, label_smoothing=0.1)


class GroupNormCnn(Trained):
    def __init__(self, channels=4):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(
            nn.Conv2d(1, channels, 3, stride=2), nn.GroupNorm(2, channels), nn.SiLU(),
            nn.Conv2d(channels, 2 * channels, 3, stride=2, bias=False), nn.BatchNorm2d(2 * channels), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2 * channels, 10))

    def loss(self, batch):
        x, y = batch
        return F.cross_entropy(self.net(x.view(-1, 1, 28, 28)), y)


class Recurrent(Trained):
    """A recurrent net that guesses the next token; its embedding may be frozen."""

    def __init__(self, cell="LSTM", hidden=8, num_layers=1, freeze=False):
        super().__init__()
        self.save_hyperparameters()
        self.embedding = nn.Embedding(8, 6)
        self.embedding.weight.requires_grad = not freeze
        self.rnn = getattr(nn, cell)(6, hidden, num_layers=num_layers, batch_first=True)
        self.head = nn.Linear(hidden, 8)

    def loss(self, batch):
        tokens, following = batch
        return F.cross_entropy(self.head(self.rnn(self.embedding(tokens))[0]).flatten(0, 1), following.flatten())


class TiedAutoEncoder(Trained):
    """One matrix under two names."""

    def __init__(self, hidden=12):
        super().__init__()
        self.save_hyperparameters()
        self.encoder = nn.Sequential(nn.Linear(784, hidden), nn.Tanh(), nn.Linear(hidden, hidden))
        self.decoder = nn.Sequential(nn.Linear(hidden, hidden), nn.Tanh(), nn.Linear(hidden, 784))
        self.decoder[0].weight = self.encoder[2].weight

    def loss(self, batch):
        return F.mse_loss(self.decoder(self.encoder(batch[0])), batch[0])


class Attentive(Trained):
    """torch's own encoder: packed projections, and layers that are copies of the first."""

    def __init__(self, width=8):
        super().__init__()
        self.save_hyperparameters()
        self.embedding = nn.Embedding(8, width)
        layer = nn.TransformerEncoderLayer(width, 2, dim_feedforward=16, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(width, 8)

    def loss(self, batch):
        tokens, following = batch
        return F.cross_entropy(self.head(self.encoder(self.embedding(tokens))).flatten(0, 1), following.flatten())
