"""What real TensorBoard reads out of a run's folder, as one JSON object on stdout. Used by the interop test."""
import json
import sys

from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.hparams import plugin_data_pb2

folder = sys.argv[1]
accumulator = event_accumulator.EventAccumulator(folder, size_guidance={"scalars": 0, "histograms": 0})
accumulator.Reload()
tags = accumulator.Tags()
plugins = {}
try:
    contents = accumulator.PluginTagToContent("hparams")
except KeyError:
    contents = {}
for tag, content in contents.items():
    data = plugin_data_pb2.HParamsPluginData.FromString(content)
    kind = data.WhichOneof("data")
    if kind == "session_start_info":
        values = {}
        for name, value in data.session_start_info.hparams.items():
            values[name] = getattr(value, value.WhichOneof("kind"))
        plugins[kind] = values
    elif kind == "experiment":
        plugins[kind] = {
            "hparams": sorted(info.name for info in data.experiment.hparam_infos),
            "metrics": [info.name.tag for info in data.experiment.metric_infos],
        }
    else:
        plugins[kind] = data.session_end_info.status
scalars = {tag: [[e.step, e.value] for e in accumulator.Scalars(tag)] for tag in tags["scalars"]}
# Histograms come as tensors of (left, right, count) since TensorBoard 2; the accumulator converts the old ones itself.
histograms = {}
for tag in tags["histograms"]:
    histograms[tag] = [
        {"step": e.step, "num": e.histogram_value.num, "min": e.histogram_value.min, "max": e.histogram_value.max}
        for e in accumulator.Histograms(tag)
    ]
for tag in tags["tensors"]:
    for e in accumulator.Tensors(tag):
        if e.tensor_proto.tensor_shape.dim:
            rows = [d.size for d in e.tensor_proto.tensor_shape.dim]
            histograms.setdefault(tag, []).append({"step": e.step, "rows": rows})
json.dump({"scalars": scalars, "histograms": histograms, "hparams": plugins}, sys.stdout)
