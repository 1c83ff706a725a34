const encoder = new TextEncoder();

/** Wire types of a protobuf field. */
const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/** Writes a protobuf message: the kinds of fields that ONNX models, TensorFlow's graphs and TensorBoard's events have. */
export class ProtoWriter {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  /** An int64 field; negative numbers take ten bytes, as protobuf has it. */
  varint(field: number, value: number): void {
    this.#tag(field, VARINT);
    this.#write(varintBytes(BigInt.asUintN(64, BigInt(value))));
  }

  /** A float field. */
  float(field: number, value: number): void {
    this.#tag(field, FIXED32);
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    this.#write(bytes);
  }

  /** A double field. */
  double(field: number, value: number): void {
    this.#tag(field, FIXED64);
    this.#write(doubleBytes([value]));
  }

  /** A packed list of doubles. */
  doubles(field: number, values: readonly number[]): void {
    this.bytes(field, doubleBytes(values));
  }

  /** A bytes field; the bytes are not copied until `finish`. */
  bytes(field: number, value: Uint8Array): void {
    this.#tag(field, LENGTH_DELIMITED);
    this.#write(varintBytes(BigInt(value.byteLength)));
    this.#write(value);
  }

  /** A string field. */
  text(field: number, value: string): void {
    this.bytes(field, encoder.encode(value));
  }

  /** A nested message. */
  message(field: number, write: (body: ProtoWriter) => void): void {
    const body = new ProtoWriter();
    write(body);
    this.#tag(field, LENGTH_DELIMITED);
    this.#write(varintBytes(BigInt(body.#length)));
    for (const part of body.#parts) this.#write(part);
  }

  /** The message in one piece. */
  finish(): Uint8Array {
    const result = new Uint8Array(this.#length);
    let offset = 0;
    for (const part of this.#parts) {
      result.set(part, offset);
      offset += part.byteLength;
    }
    return result;
  }

  #tag(field: number, wireType: number): void {
    this.#write(varintBytes(BigInt(field * 8 + wireType)));
  }

  #write(part: Uint8Array): void {
    this.#parts.push(part);
    this.#length += part.byteLength;
  }
}

function doubleBytes(values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) view.setFloat64(8 * i, value, true);
  return bytes;
}

function varintBytes(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
