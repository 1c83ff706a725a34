import { z } from "zod";
import { flag, list, named, object, orNull, real, shape, text, VERSION, whole } from "./fields.js";

const MADE_PLAIN = list(
  object({ path: text("where"), class: text("what it was"), became: text("what it is now") }, "a value"),
  "values of classes that torch refuses, now plain data",
);
const WRITTEN = {
  input: text("the file that was read"),
  output: text("the file that was written; - is standard output"),
};

/** What `extract --json` prints. */
export const EXTRACT = object(
  {
    ...VERSION,
    ...WRITTEN,
    format: text("pt, ckpt, safetensors or npz"),
    dry_run: flag("nothing was written"),
    key: text("the part of the file"),
    prefixes: list(text("as given"), "--prefix"),
    strip_prefix: flag("--strip-prefix"),
    parameters: whole("elements, shared ones once"),
    bytes: whole("of them"),
    file_bytes: orNull(whole("of the file; null when nothing was written")),
    tensors: list(
      object(
        {
          name: text("in the new file"),
          source: text("in the old one"),
          dtype: text("as torch names it"),
          shape: shape("sizes"),
          bytes: whole("of its elements"),
          storage: whole("a number that tensors with the same memory share"),
        },
        "a tensor",
      ),
      "in the file's order",
    ),
    left_out: list(text("a name"), "extra states that the format does not hold"),
    made_plain: MADE_PLAIN,
  },
  "What was extracted; also of `export --format safetensors`.",
);

/** What `convert --json` prints. */
export const CONVERT = object(
  {
    ...VERSION,
    input: text("the file that was read"),
    from: text("its format"),
    output: text("the file that was written; - is standard output"),
    format: text("pt, ckpt, safetensors or npz"),
    dry_run: flag("nothing was written"),
    tensors: whole("how many"),
    bytes: whole("of them"),
    lost: list(text("a sentence"), "what the format does not hold"),
  },
  "What was converted.",
);

/** What `sanitize --json` prints. */
export const SANITIZE = object(
  {
    ...VERSION,
    ...WRITTEN,
    dry_run: flag("nothing was written"),
    was_fine: flag("torch.load(weights_only=True) took it already"),
    tensors: whole("how many"),
    bytes: whole("of them"),
    made_plain: MADE_PLAIN,
  },
  "What was made plain.",
);

/** What `verify --json` prints. */
export const VERIFY = object(
  {
    ...VERSION,
    sound: flag("all of them are"),
    files: list(
      object(
        {
          path: text("the file or folder"),
          sound: flag("nothing is wrong with it"),
          format: orNull(text("null when it could not be told")),
          bytes: orNull(whole("null when it could not be opened")),
          checksums: object(
            { right: whole("records"), wrong: whole("records"), absent: whole("records whose writer left it out") },
            "compared",
          ),
          tensors: orNull(whole("whose place was compared with their storage; null when the pickle could not be read")),
          problems: list(
            object(
              {
                code: text("stable, as of errors"),
                message: text("for people"),
                hint: orNull(text("the way out")),
                record: orNull(text("of the archive")),
                offset: orNull(whole("byte of the file")),
                paths: list(text("a path"), "the tensors it concerns"),
              },
              "a problem",
            ),
            "what is wrong",
          ),
          notes: list(text("a sentence"), "what this kind of file gives no means to check"),
        },
        "a file",
      ),
      "in the order given",
    ),
  },
  "What was found out about files.",
);

const FILE = object({ path: text("as given"), format: text("of the file"), bytes: whole("of the file") }, "a side");
const both = (item: z.ZodType, description: string): z.ZodType => object({ a: item, b: item }, description);
const FORMS = list(
  object({ name: text("or path"), dtype: text("as torch names it"), shape: shape("sizes") }, "a tensor"),
  "that only one side has",
);

/** What `diff --json` prints. */
export const DIFF = object(
  {
    ...VERSION,
    equal: flag("nothing differs within the tolerance"),
    a: FILE,
    b: FILE,
    values: list(
      object(
        { path: text("where"), a: orNull(text("null: not there")), b: orNull(text("null: not there")) },
        "a value",
      ),
      "that differ and are no tensors",
    ),
    tensors: object(
      {
        equal: whole("how many are"),
        changed: list(
          object(
            {
              name: text("or path"),
              renamed_to: orNull(text("its name on the other side")),
              dtype: both(text("as torch names it"), "of each side"),
              shape: both(shape("sizes"), "of each side"),
              elements: orNull(whole("null where they were not compared")),
              different: orNull(whole("elements")),
              max_abs: orNull(real("the largest difference")),
              max_rel: orNull(real("relative to b")),
              max_abs_at: orNull(list(z.int().min(0), "index on every axis")),
            },
            "a tensor",
          ),
          "the biggest difference first",
        ),
        only_a: FORMS,
        only_b: FORMS,
        renamed: list(
          object(
            {
              from: text("name in a"),
              to: text("name in b"),
              by: z.enum(["content", "shape", "order"]).describe("how that is known: content, shape or order"),
            },
            "a tensor",
          ),
          "changed or not",
        ),
      },
      "of the state_dict by their names, others by their paths",
    ),
  },
  "How two files differ.",
);

const PORT = object(
  {
    name: text("in the model"),
    dtype: text("as torch names it"),
    shape: list(z.union([z.int().min(0), z.string()]), 'sizes; "batch" where it may be any'),
  },
  "an input or output",
);

/** What `export --json` prints. */
export const EXPORT = object(
  {
    ...VERSION,
    ckpt_path: text("the checkpoint"),
    output: text("the file or folder that was written"),
    format: text("onnx or tfjs"),
    bytes: whole("of what was written"),
    files: z.array(z.string()).optional().describe("of a folder (tfjs)"),
    inputs: list(PORT, "in order"),
    outputs: list(PORT, "in order"),
    max_abs_difference: orNull(
      real("between the model's outputs and the module's; null where nothing here could run it"),
    ),
  },
  "What was exported.",
);

/** What `init --json` prints. */
export const INIT = object(
  {
    ...VERSION,
    folder: text("as given"),
    written: list(text("a name"), "files"),
    kept: list(text("a name"), "files that were there"),
    next: list(text("a command"), "what to type now"),
  },
  "What was written.",
);

/** What `doctor --json` prints. */
export const DOCTOR = object(
  {
    ...VERSION,
    ltrain: text("its version"),
    node: text("its version"),
    platform: text("system and architecture"),
    cpu: text("cores and model"),
    memory_bytes: whole("of the machine"),
    versions: named(orNull(text("null: not there")), "of the engines' packages"),
    without_gpu: orNull(text("why there can be no GPU; null where there may be one")),
    engines: list(
      object(
        {
          engine: z.enum(["onnxruntime", "tfjs", "tfjs-node-gpu"]).describe("as --engine takes it"),
          device: text("what it computes on"),
          driver: orNull(text("of the device")),
          usable: flag("here and now"),
          reason: orNull(text("why it is not")),
          remedy: orNull(text("what would change that")),
          taken_by: list(z.enum(["auto", "cpu", "gpu"]), "values of --accelerator that take it"),
        },
        "an engine on a device",
      ),
      "all there are",
    ),
  },
  "Engines and devices of this machine.",
);
