import { z } from "zod";
import {
  anything,
  flag,
  list,
  maybe,
  metric,
  named,
  object,
  orNull,
  real,
  shape,
  text,
  VERSION,
  whole,
} from "./fields.js";

const nullable = (description: string): z.ZodType => orNull(text(description));
const STATE = object({ key: text("in the file"), state: anything("as JSON") }, "a plugin's or data module's state");

const STATS = object(
  {
    min: orNull(real("null of complex numbers")),
    max: orNull(real("null of complex numbers")),
    mean: z.union([real("of real numbers"), list(real("a part"), "of complex ones")]).describe("[re, im] of complex numbers"), // prettier-ignore
    std: real("torch.std: divided by n - 1"),
    l2: real("torch.linalg.vector_norm"),
    count: whole("elements"),
    zeros: whole("elements that are 0"),
    nan: whole("that are NaN"),
    inf: whole("that are infinite"),
  },
  "with --stats; null where bits are no numbers",
);

const QUANTIZATION = object(
  {
    qscheme: text("per_tensor_affine, per_channel_affine, ..."),
    scale: maybe(real("of the tensor")),
    zero_point: maybe(z.int().describe("of the tensor")),
    axis: maybe(whole("of the channels")),
    scales: maybe(list(real("a scale"), "of the channels")),
    zero_points: maybe(list(real("a point"), "of the channels")),
  },
  "where it is quantized",
);

const DENSE = {
  dtype: text("as torch names it, without torch."),
  shape: shape("sizes"),
  stride: list(z.int(), "in elements"),
  storage_offset: whole("in elements"),
  numel: whole("elements"),
  bytes: whole("of its elements"),
  storage: whole("a number that tensors with the same memory share"),
  storage_nbytes: whole("of that memory"),
  is_contiguous: maybe(flag("only where it is false")),
  device: maybe(text("only where it is not cpu")),
  is_conj: maybe(flag("only where it is true")),
  is_neg: maybe(flag("only where it is true")),
  quantization: maybe(QUANTIZATION),
  requires_grad: maybe(flag("only where it is true")),
  class: maybe(text("of Python, where it is not torch.Tensor")),
  python_attributes: maybe(named(text("as Python prints it"), "set on the tensor")),
  sha256: maybe(text("with --sha256: of its contiguous, row-major, little-endian bytes")),
  stats: maybe(orNull(STATS)),
  values: maybe(anything("with --key and --values: nested arrays, complex numbers as [re, im]")),
};

const COMPOSED = {
  dtype: nullable("of its parts"),
  shape: orNull(shape("sizes")),
  layout: text("sparse_coo, jagged, ...: what it is put together as"),
  bytes: whole("of its parts"),
  is_coalesced: maybe(flag("of a sparse one")),
  requires_grad: maybe(flag("only where it is true")),
  class: maybe(text("of Python")),
  uninitialized: maybe(flag("it has no content yet")),
  parts: maybe(named(object(DENSE, "a part"), "the dense tensors it is made of")),
};

const PATH = { path: text('where it is: state_dict["encoder.0.weight"]') };
const TENSOR = z
  .union([object({ ...PATH, ...DENSE }, "a dense one"), object({ ...PATH, ...COMPOSED }, "one that is put together")])
  .describe("a tensor: dense, or put together of dense ones");

const LR = list(orNull(real("of a param group")), "learning rates");

/** What `inspect FILE --json` prints. */
export const INSPECT = object(
  {
    ...VERSION,
    path: text("as given"),
    bytes: whole("of the file"),
    format: text("torch-zip, torch-legacy, torch-tar, torchscript, safetensors, npz, ..."),
    kind: z
      .enum(["lightning", "checkpoint", "state_dict", "other"])
      .describe("lightning; checkpoint: another dict with a state_dict; state_dict; other"),
    lightning_version: nullable("as in the file"),
    epoch: orNull(z.int().describe("as in the file")),
    global_step: orNull(z.int().describe("as in the file")),
    hparams_name: nullable("as in the file"),
    hyper_parameters: anything(
      "tuples and sets as arrays, a Namespace as its dict, a numpy array as {class, dtype, shape}, paths and dates as Python prints them",
    ),
    datamodule_hyper_parameters: anything("the same of the data module"),
    state_dict: object(
      {
        keys: whole("with extra states"),
        parameters: whole("elements, shared ones once"),
        bytes: whole("of them"),
        storage_bytes: whole("of the memory behind them"),
        shared_names: list(text("a name"), "of tensors whose memory another name has"),
        modules: list(
          object(
            {
              name: text("of the module"),
              tensors: whole("below it"),
              parameters: whole("below it"),
              bytes: whole("below it"),
            },
            "a module of the first level",
          ),
          "in the file's order",
        ),
      },
      "the weights in numbers",
    ),
    optimizers: orNull(
      list(
        object(
          {
            kind: nullable("Adam, SGD, ... by its state"),
            lr: LR,
            param_groups: whole("how many"),
            parameters: whole("tensors it steps"),
            state_bytes: whole("of its state"),
          },
          "an optimizer",
        ),
        "as optimizer_states has them",
      ),
    ),
    lr_schedulers: orNull(
      list(
        object({ kind: nullable("by its state"), last_epoch: orNull(real("its counter")), last_lr: LR }, "a scheduler"),
        "as in the file",
      ),
    ),
    callbacks: orNull(
      list(
        object(
          {
            key: text("its state_key"),
            name: text("its class"),
            monitor: nullable("what it watches"),
            best_score: orNull(real("of a ModelCheckpoint or EarlyStopping")),
            best_path: nullable("of a ModelCheckpoint"),
            state: anything("as JSON"),
          },
          "a callback",
        ),
        "as in the file",
      ),
    ),
    loops: orNull(
      object(
        {
          epochs_ready: orNull(whole("begun")),
          epochs_processed: orNull(whole("trained")),
          epochs_completed: orNull(whole("over")),
          batches_ready: orNull(whole("of this epoch")),
          batches_processed: orNull(whole("of this epoch")),
          is_last_batch: orNull(flag("the epoch's")),
          optimizer_steps: orNull(whole("in all")),
        },
        "counters of the fit loop",
      ),
    ),
    precision: orNull(STATE),
    datamodule: orNull(STATE),
    ltrain: anything("ltrain's own state: random numbers, position in the data, config, metrics"),
    other_keys: list(text("a key"), "of the root that are none of Lightning's"),
    metadata: named(text("a string"), "of safetensors"),
    remarks: list(text("a sentence"), "what is in no tree: a program's code, a second pickle"),
    parts: list(text("a file"), "of a checkpoint that is several files"),
    foreign_globals: list(text("a name"), "that torch.load(weights_only=True) refuses"),
    sizes: maybe(
      object(
        {
          sections: list(
            object(
              {
                name: text("a key of the root"),
                tensors: whole("in it"),
                used: whole("bytes they reach"),
                stored: whole("bytes of their storages"),
              },
              "a section",
            ),
            "in the file's order",
          ),
          rest: whole("bytes of the pickle, headers and padding"),
          unused: list(
            object(
              { tensors: list(text("a path"), "that see it"), used: whole("bytes"), stored: whole("bytes") },
              "a storage",
            ),
            "of which only a part is used",
          ),
        },
        "with --sizes",
      ),
    ),
    globals: maybe(
      list(
        object(
          {
            name: text("module and name"),
            weights_only: z.enum(["accepted", "refused"]).describe("accepted or refused"),
            count: whole("uses in the value"),
            paths: list(text("a path"), "of some of them"),
          },
          "a class or function",
        ),
        "with --globals: what the pickle names",
      ),
    ),
    tree: maybe(anything("with --tree: the whole value; tensors as {dtype, shape}")),
    tensors: list(TENSOR, "every one of the file, in its order; with --filter or --regex those that fit"),
  },
  "What is inside a file; `tensors` is the last member and has one tensor on a line.",
);

/** What `inspect FILE --key PATH --json` prints. */
export const INSPECT_KEY = object(
  {
    ...VERSION,
    path: text("of the file"),
    format: text("of the file"),
    key: text("the whole path of the value"),
    type: text("of Python; tensor where it is one"),
    value: maybe(anything("as JSON")),
    tensor: maybe(TENSOR),
  },
  "One value of a file: `value`, or `tensor`.",
);

/** What `inspect FOLDER --json` prints. */
export const INSPECT_FOLDER = object(
  {
    ...VERSION,
    path: text("as given"),
    kind: z.literal("folder").describe('"folder"'),
    checkpoints: list(
      object(
        {
          file: text("its path from the folder"),
          path: text("its path from here"),
          bytes: whole("of the file"),
          modified: text("ISO 8601"),
          lightning_version: nullable("as in the file"),
          epoch: orNull(z.int().describe("as in the file")),
          global_step: orNull(z.int().describe("as in the file")),
          metric: orNull(metric("what a ModelCheckpoint watched, as it was then")),
          sound: flag("its directory, its pickle and its storages' lengths agree"),
          error: orNull(object({ code: text("stable"), message: text("for people") }, "why it is not")),
        },
        "a checkpoint",
      ),
      "in the order of --sort",
    ),
  },
  "The checkpoints in a folder and below it.",
);
