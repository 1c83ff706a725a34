/** ltrain/data: torch.utils.data, and readers for the files examples lie in. */
export { isHostTensor } from "./batch.js";
export type { Batch } from "./batch.js";
export { defaultCollate } from "./collate.js";
export type { Collate, Item } from "./collate.js";
export { labelColumn, pixelColumn, tensorColumn } from "./column.js";
export type { Column } from "./column.js";
export { DataLoader } from "./dataLoader.js";
export type { DataLoaderOptions } from "./dataLoader.js";
export { MapDataset, Subset, TensorDataset, indexRange } from "./dataset.js";
export type { Dataset, ItemDataset } from "./dataset.js";
export { LoaderIterator } from "./loaderIterator.js";
export { TokenWindows } from "./tokenWindows.js";
export { readCsv } from "./csv.js";
export type { CsvTable } from "./csv.js";
export { readIdx } from "./idx.js";
export { readNpy } from "./npy.js";
