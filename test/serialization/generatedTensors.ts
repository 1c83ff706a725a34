import fc from "fast-check";
import { DTYPES } from "../../src/storage/dtype.js";
import type { DType } from "../../src/storage/dtype.js";
import { StoredTensor } from "../../src/storage/storedTensor.js";
import type { Storage } from "../../src/storage/storedTensor.js";

/** Dtypes that every format has. */
export const EVERYWHERE: readonly DType[] = [
  "float32",
  "float64",
  "float16",
  "int64",
  "int32",
  "int16",
  "int8",
  "uint8",
  "bool",
];

/** A storage of up to 200 elements, and up to four views of it: any offset, any strides that stay inside, stride 0 too. */
function views(dtypes: readonly DType[]): fc.Arbitrary<StoredTensor[]> {
  return fc
    .record({
      dtype: fc.constantFrom(...dtypes),
      length: fc.integer({ min: 0, max: 200 }),
      seed: fc.nat(255),
      shapes: fc.array(fc.array(fc.tuple(fc.nat(4), fc.nat(7)), { maxLength: 3 }), { minLength: 1, maxLength: 4 }),
      start: fc.nat(50),
    })
    .map(({ dtype, length, seed, shapes, start }) => {
      const size = DTYPES[dtype].itemSize;
      const bytes = Uint8Array.from({ length: length * size }, (_, i) =>
        dtype === "bool" ? i % 2 : (i * 7 + seed) % 256,
      );
      const storage: Storage = {
        byteLength: bytes.byteLength,
        read: (from, to) => Promise.resolve(bytes.subarray(from, to)),
      };
      return shapes.flatMap((axes) => {
        const shape = axes.map(([count]) => count);
        const stride = axes.map(([, step]) => step);
        const reach = shape.reduce((sum, count, axis) => sum + Math.max(count - 1, 0) * (stride[axis] ?? 0), start);
        const isEmpty = shape.includes(0);
        if (!isEmpty && reach >= length) return [];
        return [new StoredTensor({ dtype, shape, stride, storageOffset: isEmpty ? 0 : start, storage })];
      });
    });
}

/** Named tensors in a few shared storages. */
export function tensorsOf(dtypes: readonly DType[]): fc.Arbitrary<Map<string, StoredTensor>> {
  return fc
    .tuple(
      fc.array(views(dtypes), { maxLength: 5 }),
      fc.array(fc.string({ unit: "binary", minLength: 1 }), { maxLength: 30 }),
    )
    .map(([groups, names]) => {
      const free = [...new Set(names.filter((name) => name !== "__metadata__" && !/\p{Surrogate}/u.test(name)))];
      return new Map(groups.flat().flatMap((tensor, index) => [[free[index] ?? `t${index}`, tensor] as const]));
    });
}
