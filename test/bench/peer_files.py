"""Makes the files of `npm run bench -- files` with real torch, and opens them with it."""
import json
import sys

if sys.argv[1] == "import":
    import torch

    print(torch.__version__)
    sys.exit()
import collections

import torch

torch.set_num_threads(1)


def checkpoint(state_dict, optimizer):
    params = list(range(len(state_dict)))
    group = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0, "amsgrad": False, "maximize": False,
             "foreach": None, "capturable": False, "differentiable": False, "fused": None,
             "decoupled_weight_decay": False, "params": params}
    return {
        "epoch": 3, "global_step": 1000, "pytorch-lightning_version": "2.6.6", "state_dict": state_dict,
        "loops": {}, "callbacks": {}, "optimizer_states": [{"state": optimizer, "param_groups": [group]}],
        "lr_schedulers": [], "hparams_name": "kwargs", "hyper_parameters": {"hidden": 4096, "lr": 1e-3},
    }


def make(path, gigabytes):
    """Weights and Adam's two moments; of every ten gigabytes three are the encoder's."""
    total = float(gigabytes) * 1e9
    block = 1024 * 4096
    count = max(1, round(total / 3 / (block * 4)))
    data = torch.randn(block)
    weights, state = collections.OrderedDict(), {}
    # The encoder is 30% of the file, which is 90% of the weights.
    encoder = round(0.9 * count)
    for index in range(count):
        name = f"encoder.layers.{index}.weight" if index < encoder else f"decoder.layers.{index - encoder}.weight"
        weights[name] = (data * (index + 1)).reshape(1024, 4096)
        state[index] = {"step": torch.tensor(1000.0), "exp_avg": data.reshape(1024, 4096).clone(),
                        "exp_avg_sq": data.abs().reshape(1024, 4096)}
    torch.save(checkpoint(weights, state), path)
    print(json.dumps({"tensors": len(weights) + 3 * len(state), "torch": torch.__version__}))


def sparse(path, gigabytes, rows):
    """The same at any size without the bytes: skip_data leaves holes in the file. Every tensor has `rows` rows."""
    rows = int(rows)
    count = round(float(gigabytes) * 1e9 / 3 / (rows * 4096 * 4))
    weights, state = collections.OrderedDict(), {}
    for index in range(count):  # memory that is never touched takes none
        weights[f"encoder.layers.{index}.weight"] = torch.empty(rows, 4096)
        state[index] = {"exp_avg": torch.empty(rows, 4096), "exp_avg_sq": torch.empty(rows, 4096)}
    with torch.serialization.skip_data():
        torch.save(checkpoint(weights, state), path)
    print(json.dumps({"tensors": len(weights) * 3, "torch": torch.__version__}))


def many(path, count):
    """As many tensors as are asked for, of a hundred numbers each."""
    weights = collections.OrderedDict((f"blocks.{i // 10}.sub.{i % 10}.weight", torch.full((100,), float(i))) for i in range(int(count)))
    torch.save(checkpoint(weights, {}), path)
    print(json.dumps({"tensors": int(count), "torch": torch.__version__}))


def load(path):
    root = torch.load(path, mmap=True, weights_only=True, map_location="cpu")
    print(len(root["state_dict"]))


{"make": make, "sparse": sparse, "many": many, "load": load}[sys.argv[1]](*sys.argv[2:])
