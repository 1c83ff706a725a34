import { basename, dirname } from "node:path";
import type { FileOperations } from "../io/fileOperations.js";
import { listFolder } from "../io/textFile.js";
import type { PartFiles } from "../io/partFiles.js";
import { PyDict } from "../pickle/values.js";
import { zeroWeights } from "../serialization/deepSpeed.js";
import type { ZeroWeights } from "../serialization/deepSpeed.js";
import type { FolderContent } from "./folderContent.js";
import { unionOfGlobals } from "./folderContent.js";
import type { FileContent } from "./readContent.js";
import { PLAIN_CONTENT, readContent } from "./readContent.js";

/**
 * The states that DeepSpeed left in a folder: the first rank's model states as they are, and under `state_dict`, unless
 * they have one, the fp32 weights put together from every rank's partition.
 */
export async function openDeepSpeed(
  entry: string,
  parts: PartFiles,
  options: { readonly files?: FileOperations },
): Promise<FolderContent> {
  const names = (await listFolder(dirname(entry), options.files)).map(({ name }) => name).sort(byNumbers);
  const optimizerNames = names.filter((name) => name.endsWith("_optim_states.pt"));
  const modelNames = names.filter((name) => name.endsWith("_model_states.pt"));
  const modelParallel = modelNames.some((name) => /mp_rank_0*[1-9]/.test(name));
  const opened: (FileContent & { readonly byteLength: number })[] = [];
  const open = async (name: string): Promise<PyDict> => {
    const source = await parts.file(name);
    const content = await readContent(source, name);
    opened.push({ ...content, byteLength: source.byteLength });
    return content.root instanceof PyDict ? content.root : new PyDict();
  };
  const first = await open(basename(entry));
  const others: PyDict[] = [];
  for (const name of modelNames) if (name !== basename(entry)) others.push(await open(name));
  const optimizers: PyDict[] = [];
  for (const name of optimizerNames) optimizers.push(await open(name));
  // The ranks of model parallelism split layers by rules of their own, which the files do not tell.
  const weights = modelParallel ? undefined : zeroWeights([first, ...others], optimizers);
  const root = new PyDict(first, first.kind);
  if (weights !== undefined && !root.has("state_dict")) root.set("state_dict", weights.stateDict);
  return {
    ...PLAIN_CONTENT,
    format: "deepspeed",
    root,
    globals: unionOfGlobals(...opened.map(({ globals }) => globals)),
    foreignGlobals: unionOfGlobals(...opened.map(({ foreignGlobals }) => foreignGlobals)),
    remarks: [remarkOn(weights, optimizerNames.length)],
    byteLength: opened.reduce((sum, { byteLength }) => sum + byteLength, 0),
    parts: [...modelNames, ...optimizerNames],
  };
}

/** What is shown, and what only DeepSpeed's own script can do. */
function remarkOn(weights: ZeroWeights | undefined, optimizerFiles: number): string {
  if (weights === undefined) {
    const why =
      optimizerFiles === 0
        ? "there are no optimizer states beside it"
        : "the optimizer states are of a layout that is not known here";
    return `DeepSpeed: the first rank's model states are shown, and no fp32 weights (${why}); zero_to_fp32.py makes them`;
  }
  return (
    `DeepSpeed ZeRO stage ${weights.stage} of ${weights.ranks} ranks: state_dict is put together from the fp32 partitions ` +
    "of all ranks, as zero_to_fp32.py does; the optimizer's moments stay in the files of the ranks"
  );
}

/** rank_2 before rank_10. */
function byNumbers(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}
