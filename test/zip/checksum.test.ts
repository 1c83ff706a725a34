import { checksum, hexChecksum } from "../../src/zip/checksum.js";

// The check value of CRC-32 (ISO 3309), which every table of such codes prints.
const CHECK = "cbf43926";

test("the checksum of 123456789 is that of the standard, at once, in pieces, and long after zlib has taken over", () => {
  const bytes = Buffer.from("123456789");
  expect(hexChecksum(checksum(bytes))).toBe(CHECK);
  expect(hexChecksum(checksum(bytes.subarray(4), checksum(bytes.subarray(0, 4))))).toBe(CHECK);
  // gzip's own example of a long one: 200,000 zeros, `head -c 200000 /dev/zero | gzip | tail -c 8 | od -t x4`
  expect(hexChecksum(checksum(new Uint8Array(200_000)))).toBe("5ce0587b");
  expect(hexChecksum(checksum(bytes.subarray(4), checksum(bytes.subarray(0, 4))))).toBe(CHECK);
  expect(checksum(new Uint8Array(0), 7)).toBe(7);
});
