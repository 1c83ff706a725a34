import type { CastDType } from "../checkpoint/castTensors.js";
import { CAST_DTYPES, castTensors } from "../checkpoint/castTensors.js";
import { dumpCheckpoint, dumpStateDict } from "../checkpoint/dumpCheckpoint.js";
import type { Extraction, Selection } from "../checkpoint/extractCheckpoint.js";
import { extractStateDict } from "../checkpoint/extractCheckpoint.js";
import { isTensorFormat } from "../checkpoint/formatLimits.js";
import { mappedTensors } from "../checkpoint/mapTensors.js";
import { isFlat } from "../checkpoint/namedTensors.js";
import type { OpenedFile } from "../checkpoint/openCheckpoint.js";
import { openCheckpoint } from "../checkpoint/openCheckpoint.js";
import type { PlainNote } from "../checkpoint/plainTree.js";
import { plainTree } from "../checkpoint/plainTree.js";
import { parseRenameRule } from "../checkpoint/renameRule.js";
import type { StatePart } from "../checkpoint/statePart.js";
import { statePartOf } from "../checkpoint/statePart.js";
import { weightsOnlyCheckpoint } from "../checkpoint/weightsOnlyCheckpoint.js";
import { LtrainError } from "../errors.js";
import type { Terminal } from "../io/console.js";
import { didYouMean } from "../nearest.js";
import type { ExtractOptions } from "./extractOptions.js";
import { reportExtraction } from "./extractReport.js";
import { locateCheckpoint } from "./locate.js";
import { readNameMap } from "./nameMap.js";
import type { OutputFile } from "./outputFile.js";
import { chooseOutput } from "./outputFile.js";
import type { Payload } from "./writeOutput.js";
import { writeOutput } from "./writeOutput.js";

/** `ltrain extract`: some tensors of a checkpoint, as a file of their own. */
export async function runExtract(options: ExtractOptions, terminal: Terminal): Promise<number> {
  refuseNothing(options);
  const dtype = options.dtype === undefined ? undefined : parseDType(options.dtype);
  const selection = await selectionOf(options);
  const { path: input } = await locateCheckpoint(options.ckpt ?? ".", terminal);
  const file = await openCheckpoint(input);
  try {
    const part = statePartOf(file, options.key);
    const extraction = cast(extractStateDict(part.stateDict, selection), dtype);
    const { output: path, format, force } = options;
    const output = await chooseOutput({ input, part: partName(options), output: path, format, fallback: "pt", force });
    const { payload, notes, isTree } = payloadOf(output, { file, part, extraction, options, dtype });
    const byteLength = options.dryRun ? undefined : await writeOutput(output, payload, input, terminal);
    const isNested = part.value !== undefined && !isFlat(part.value);
    await reportExtraction({ options, input, output, extraction, notes, isTree, isNested, byteLength }, terminal);
  } finally {
    await file.close();
  }
  return 0;
}

/** Everything is a choice too, but nobody makes it by accident: the whole file is what `convert` writes. */
function refuseNothing({ key, prefixes, include, exclude, map, rename, dtype, ...rest }: ExtractOptions): void {
  const lists = [prefixes, include, exclude, rename];
  if (lists.some(({ length }) => length > 0) || key !== undefined || map !== undefined || dtype !== undefined) return;
  if (rest.stripWrappers || rest.addPrefix !== undefined) return;
  throw new LtrainError("usage.invalid", "extract needs --prefix, or another option that says which tensors", {
    hint: 'for example --prefix encoder. ; `ltrain inspect --keys` shows the keys, --prefix "" takes them all',
  });
}

function parseDType(name: string): CastDType {
  const known = CAST_DTYPES.find((each) => each === name.replace(/^torch\./, ""));
  if (known !== undefined) return known;
  throw new LtrainError("argument.invalid", `--dtype is ${CAST_DTYPES.join(", ")}, not "${name}"`, {
    hint: didYouMean(name, CAST_DTYPES) ?? "integers and complex numbers stay what they are",
  });
}

async function selectionOf({ rename, map, ...options }: ExtractOptions): Promise<Selection> {
  const { prefixes, include, exclude, stripWrappers, stripPrefix, addPrefix } = options;
  return {
    ...{ prefixes, include, exclude, stripWrappers, stripPrefix },
    renames: rename.map(parseRenameRule),
    ...(map === undefined ? {} : { map: await readNameMap(map) }),
    ...(addPrefix === undefined ? {} : { addPrefix }),
  };
}

function cast(extraction: Extraction, dtype: CastDType | undefined): Extraction {
  if (dtype === undefined) return extraction;
  const { stateDict } = extraction;
  return { ...extraction, stateDict: { ...stateDict, tensors: castTensors(stateDict.tensors, dtype) } };
}

interface Source {
  readonly file: OpenedFile;
  readonly part: StatePart;
  readonly extraction: Extraction;
  readonly options: ExtractOptions;
  readonly dtype: CastDType | undefined;
}

interface Made {
  readonly payload: Payload;
  readonly notes: readonly PlainNote[];
  /** The part is written as it stands, with its levels and what else is in it. */
  readonly isTree: boolean;
}

/** What torch's container holds is made plain on the way: every file that is written loads with weights_only=True. */
function payloadOf({ format }: OutputFile, { part, extraction, options, dtype }: Source): Made {
  const { stateDict } = extraction;
  if (isTensorFormat(format)) {
    return { payload: { kind: "tensors", format, tensors: stateDict.tensors }, notes: [], isTree: false };
  }
  const { value } = part;
  const isTree = format === "pt" && value !== undefined && !isFlat(value) && !selects(options);
  const tree =
    format === "ckpt"
      ? plainTree(dumpCheckpoint(weightsOnlyCheckpoint(part.checkpoint, stateDict)))
      : isTree
        ? plainTree(value, mappedTensors(value, dtype))
        : plainTree(dumpStateDict(stateDict));
  return { payload: { kind: "tree", root: tree.root }, notes: tree.notes, isTree };
}

/** Whether single tensors are chosen or renamed. */
function selects({ prefixes, include, exclude, rename, ...options }: ExtractOptions): boolean {
  const isChosen = [prefixes, include, exclude, rename].some(({ length }) => length > 0);
  return isChosen || options.stripWrappers || options.map !== undefined || options.addPrefix !== undefined;
}

/** What comes between the input's name and the extension when no name is given. */
function partName({ prefixes, key }: ExtractOptions): string {
  const parts = [...(key === undefined ? [] : [key]), ...prefixes]
    .map((part) =>
      part
        .replace(/\.+$/, "")
        .replace(/[^\p{L}\p{N}._-]+/gu, "_")
        .replace(/^_+|_+$/g, ""),
    )
    .filter((part) => part !== "");
  return parts.length === 0 ? "state_dict" : parts.join("+").slice(0, 100);
}
