import { LtrainError } from "../errors.js";
import type { HostTensor } from "../storage/hostTensor.js";
import { sincos } from "./exactTrig.js";
import { fma32 } from "./fma.js";
import { MersenneTwister } from "./mersenneTwister.js";
import { normalBlock } from "./vectorNormal.js";

const f32 = Math.fround;
/** What torch's default generator starts from before anyone seeds it. */
const DEFAULT_SEED = 67280421310721n;
const MAX_SEED = 0xffffffff;
const STATE_BYTES = 5056;
const WORDS = 624;
/** Where things lie in the image of `torch.get_rng_state()` (lightning-checkpoint-format.md, 7.5). */
const AT = {
  seed: 0,
  left: 8,
  seeded: 12,
  next: 16,
  words: 24,
  normal: 5024,
  hasNormal: 5040,
  float: 5048,
  hasFloat: 5052,
};

/** Torch's CPU generator: the same seed draws the same numbers, to the bit. */
export class Generator {
  readonly #twister = new MersenneTwister(0);
  #seed = 0n;
  /** The second half of the last Box-Muller pair in double. */
  #normal: number | null = null;
  /** What getState gave last, as long as nothing was drawn since: a run asks at every step. */
  #state: HostTensor | null = null;
  /** The same in float, which only other torch code fills: kept so that a state goes round unchanged. */
  #floatNormal: number | null = null;

  constructor(seed: number | bigint = DEFAULT_SEED) {
    this.manualSeed(seed);
  }

  /** The seed as given last, as an unsigned 64-bit number. */
  get seed(): bigint {
    return this.#seed;
  }
  /** Start over; only the low 32 bits of the seed matter, and -1 is 2^64 - 1, as in torch. */
  manualSeed(seed: number | bigint): void {
    this.#state = null;
    this.#seed = BigInt.asUintN(64, BigInt(seed));
    this.#twister.seed(Number(BigInt.asUintN(32, this.#seed)));
    this.#normal = null;
    this.#floatNormal = null;
  }

  /** 32 uniform bits. */
  u32(): number {
    this.#state = null;
    return this.#twister.u32();
  }
  /** 64 uniform bits; the first draw is the high word. */
  u64(): bigint {
    const high = this.u32();
    return (BigInt(high) << 32n) | BigInt(this.u32());
  }
  /** A float32 of [0, 1) with 24 random bits. */
  float32(): number {
    return (this.u32() & 0xffffff) * 2 ** -24;
  }
  /** A double of [0, 1) with 53 random bits. */
  float64(): number {
    const high = this.u32() & 0x1fffff;
    return (high * 2 ** 32 + this.u32()) * 2 ** -53;
  }
  /** A standard normal in double; every second call gives the kept half of the pair. */
  normal64(): number {
    if (this.#normal !== null) {
      const kept = this.#normal;
      this.#normal = null;
      this.#state = null;
      return kept;
    }
    const angle = 2 * Math.PI * this.float64();
    const radius = Math.sqrt(-2 * Math.log1p(-this.float64()));
    const { sin, cos } = sincos(angle);
    this.#normal = radius * sin;
    return radius * cos;
  }

  /** The 5056 bytes of `torch.get_rng_state()`. */
  getState(): HostTensor {
    this.#state ??= this.#writeState();
    return this.#state;
  }
  #writeState(): HostTensor {
    const bytes = new Uint8Array(STATE_BYTES);
    const view = new DataView(bytes.buffer);
    const { words, left, next } = this.#twister.state;
    view.setBigUint64(AT.seed, this.#seed, true);
    view.setInt32(AT.left, left, true);
    view.setInt32(AT.seeded, 1, true);
    view.setUint32(AT.next, next, true);
    words.forEach((word, i) => {
      view.setUint32(AT.words + 8 * i, word, true); // 64-bit slots, upper half zero
    });
    view.setFloat64(AT.normal, this.#normal ?? 0, true);
    view.setInt32(AT.hasNormal, this.#normal === null ? 0 : 1, true);
    view.setFloat32(AT.float, this.#floatNormal ?? 0, true);
    view.setUint8(AT.hasFloat, this.#floatNormal === null ? 0 : 1);
    return { dtype: "uint8", shape: [STATE_BYTES], bytes };
  }
  /** Go on from a state that getState or torch gave. */
  setState(state: HostTensor): void {
    const { bytes } = state;
    if (state.dtype !== "uint8" || bytes.byteLength !== STATE_BYTES) {
      throw new LtrainError(
        "checkpoint.malformed",
        `a random state is a uint8 tensor of ${STATE_BYTES} bytes, this is ${state.dtype} [${state.shape.join(", ")}]`,
      );
    }
    this.#state = null;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const left = view.getInt32(AT.left, true);
    const next = view.getUint32(AT.next, true);
    if (left < 1 || left > WORDS || next > WORDS || view.getInt32(AT.seeded, true) !== 1) {
      throw new LtrainError(
        "checkpoint.malformed",
        `random state: ${left} words left and word ${next} next, of ${WORDS}: this is not a state of mt19937`,
      );
    }
    const words = Uint32Array.from({ length: WORDS }, (_, i) => view.getUint32(AT.words + 8 * i, true));
    this.#twister.state = { words, left, next };
    this.#seed = view.getBigUint64(AT.seed, true);
    this.#normal = view.getInt32(AT.hasNormal, true) === 0 ? null : view.getFloat64(AT.normal, true);
    this.#floatNormal = view.getUint8(AT.hasFloat) === 0 ? null : view.getFloat32(AT.float, true);
  }
}

/** `n` float32 of U(a, b): `tensor.uniform_(a, b)`. */
export function uniform_(generator: Generator, n: number, a = 0, b = 1): Float32Array {
  const low = f32(a);
  const range = f32(f32(b) - low);
  return Float32Array.from({ length: n }, () => fma32(generator.float32(), range, low));
}

/** `n` float32 of N(mean, std): `tensor.normal_(mean, std)`; torch changes its algorithm at 16 elements. */
export function normal_(generator: Generator, n: number, mean = 0, std = 1): Float32Array {
  if (n < 16) return Float32Array.from({ length: n }, () => generator.normal64() * std + mean);
  const values = Float32Array.from({ length: n }, () => generator.float32());
  const [m, s] = [f32(mean), f32(std)];
  for (let offset = 0; offset <= n - 16; offset += 16) normalBlock(values, offset, m, s);
  if (n % 16 !== 0) {
    for (let i = n - 16; i < n; i += 1) values[i] = generator.float32(); // the last 16 are drawn again
    normalBlock(values, n - 16, m, s);
  }
  return values;
}

/** A permutation of 0 … n-1: `torch.randperm(n)`. */
export function randperm(generator: Generator, n: number): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = 0; i < n - 1; i += 1) {
    const j = i + (generator.u32() % (n - i));
    const here = order[i] ?? 0;
    order[i] = order[j] ?? 0;
    order[j] = here;
  }
  return order;
}

/** `torch.empty((), dtype=torch.int64).random_()`: what a DataLoader draws for its base seed and its sampler. */
export function randint64(generator: Generator): bigint {
  return BigInt.asUintN(63, generator.u64());
}

/** `n` of 0 and 1, 1 with probability `p`: `tensor.bernoulli_(p)`. */
export function bernoulli(generator: Generator, n: number, p: number): Float32Array {
  return Float32Array.from({ length: n }, () => (generator.float64() < p ? 1 : 0));
}

/** The generator that layers and loaders draw from when none is given. */
export const defaultGenerator = new Generator();

/** Seed everything that draws numbers, within the range that Lightning's seed_everything takes. */
export function seedEverything(seed: number): void {
  if (!Number.isInteger(seed) || seed < 0 || seed > MAX_SEED) {
    throw new LtrainError("argument.invalid", `a seed is an integer from 0 to ${MAX_SEED}, got ${seed}`);
  }
  defaultGenerator.manualSeed(seed);
}
