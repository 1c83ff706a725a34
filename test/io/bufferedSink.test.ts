import fc from "fast-check";
import { BufferedSink } from "../../src/io/bufferedSink.js";

const BLOCK = 1 << 17;

test("whatever is written or filled in arrives in order, in writes that begin at multiples of an eighth of a megabyte", async () => {
  const length = fc.oneof(fc.nat(100), fc.nat(3 * BLOCK), fc.constantFrom(BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK));
  const steps = fc.array(fc.tuple(fc.constantFrom("write", "fill"), length), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(steps, async (todo) => {
      const writes: Buffer[] = [];
      const sink = new BufferedSink({
        write: (bytes) => {
          writes.push(Buffer.from(bytes));
          return Promise.resolve();
        },
      });
      const expected: Uint8Array[] = [];
      let seed = 0;
      for (const [how, byteLength] of todo) {
        seed += 1;
        const bytes = Uint8Array.from({ length: byteLength }, (_, i) => (i * 7 + seed * 31) % 251);
        expected.push(bytes);
        if (how === "write") await sink.write(bytes);
        else {
          await sink.fill(byteLength, (target, at) => {
            target.set(bytes.subarray(at, at + target.byteLength));
            return Promise.resolve();
          });
        }
        expect(sink.position).toBe(expected.reduce((sum, each) => sum + each.byteLength, 0));
      }
      await sink.flush();
      expect(Buffer.concat(writes).equals(Buffer.concat(expected))).toBe(true);
      let position = 0;
      for (const { byteLength } of writes) {
        expect(position % BLOCK).toBe(0);
        position += byteLength;
      }
    }),
    { numRuns: 60 },
  );
});
