import { createHash } from "node:crypto";
import { LtrainError } from "../../src/errors.js";
import { readNpy } from "../../src/data/npy.js";
import {
  bernoulli,
  defaultGenerator,
  Generator,
  normal_,
  randint64,
  randperm,
  seedEverything,
  uniform_,
} from "../../src/tensor/generator.js";
import { fixtureJson, fixtureSource } from "./fixture.js";

type Draws = Readonly<Record<string, readonly number[]>>;
interface Parity {
  readonly [after: `after_seed_${string}`]: Draws;
  readonly randperm_1000_seed42: readonly number[];
  readonly randperm_70000_seed42_sha256_int64: string;
  readonly generator_seed42_randperm_20: readonly number[];
  readonly shuffle_recipe: { readonly first_int64_random: string; readonly second_int64_random: string };
}
const parity = fixtureJson("trained/seed-parity/parity.json") as Parity;

const SEEDS = ["42", "0", "1", "123456789", "4294967295", "9223372036854775813"] as const;

/** Everything that ltrain draws, under the fixture's name for it. */
const DRAWS: Readonly<Record<string, (g: Generator) => ArrayLike<number>>> = {
  "rand(10)": (g) => uniform_(g, 10),
  "randn(5)": (g) => normal_(g, 5),
  "randn(15)": (g) => normal_(g, 15),
  "randn(16)": (g) => normal_(g, 16),
  "randn(17)": (g) => normal_(g, 17),
  "randn(40)": (g) => normal_(g, 40),
  "rand(10,f64)": (g) => Array.from({ length: 10 }, () => g.float64()),
  "randint(0,10,(20,))": (g) => Array.from({ length: 20 }, () => g.u32() % 10),
  "randint(0,2**40,(6,))": (g) => Array.from({ length: 6 }, () => Number(g.u64() % 2n ** 40n)),
  "randperm(10)": (g) => randperm(g, 10),
  "dropout(ones(20),0.5)": (g) => bernoulli(g, 20, 0.5).map((kept) => kept / 0.5),
  "normal(2,3,5)": (g) => normal_(g, 5, 2, 3),
  "uniform(-1,1,5)": (g) => uniform_(g, 5, -1, 1),
  "rand(3) then randn(3) then rand(2)": (g) => [...uniform_(g, 3), ...normal_(g, 3), ...uniform_(g, 2)],
  "randn(3) then randn(2)": (g) => [...normal_(g, 3), ...normal_(g, 2)],
};

describe.each(SEEDS)("after torch.manual_seed(%s)", (seed) => {
  test.each(Object.keys(DRAWS))("%s is torch's, to the bit", (name) => {
    const draw = DRAWS[name];
    expect(Array.from(draw?.(new Generator(BigInt(seed))) ?? [])).toEqual(parity[`after_seed_${seed}`]?.[name]);
  });
});

test("seeds agree in their low 32 bits, and -1 is 2^64 - 1", () => {
  expect(new Generator(2 ** 32 + 42).u32()).toBe(new Generator(42).u32());
  expect(new Generator(-1).seed).toBe(2n ** 64n - 1n);
});

test("permutations of 20, 1000 and 70000 are torch's", () => {
  expect([...randperm(new Generator(42), 20)]).toEqual(parity.generator_seed42_randperm_20);
  expect([...randperm(new Generator(42), 1000)]).toEqual(parity.randperm_1000_seed42);
  const large = BigInt64Array.from(randperm(new Generator(42), 70000), BigInt);
  const digest = createHash("sha256").update(new Uint8Array(large.buffer)).digest("hex");
  expect(digest).toBe(parity.randperm_70000_seed42_sha256_int64);
});

test("the two int64 that a DataLoader draws are torch's", () => {
  const generator = new Generator(42);
  expect(String(randint64(generator))).toBe(parity.shuffle_recipe.first_int64_random);
  expect(String(randint64(generator))).toBe(parity.shuffle_recipe.second_int64_random);
});

describe("the state", () => {
  const states: readonly [string, (g: Generator) => unknown][] = [
    ["rng_state_after_seed", () => null],
    ["rng_state_after_rand3", (g) => uniform_(g, 3)],
    ["rng_state_after_rand3_randn3", (g) => [uniform_(g, 3), normal_(g, 3)]],
  ];

  test.each(states)("%s is torch.get_rng_state(), byte for byte", async (name, draw) => {
    const expected = await readNpy(fixtureSource(`trained/seed-parity/${name}.npy`), name);
    const generator = new Generator(42);
    draw(generator);
    expect(Buffer.from(generator.getState().bytes).equals(expected.bytes)).toBe(true);
  });

  test.each(states)("%s of torch is gone on from with the same draws", async (name, draw) => {
    const stored = await readNpy(fixtureSource(`trained/seed-parity/${name}.npy`), name);
    const unbroken = new Generator(42);
    draw(unbroken);
    const resumed = new Generator(7);
    resumed.setState({ dtype: "uint8", shape: [5056], bytes: stored.bytes });
    expect([...normal_(resumed, 5), ...uniform_(resumed, 1000)]).toEqual([
      ...normal_(unbroken, 5),
      ...uniform_(unbroken, 1000),
    ]);
  });

  test("is refused when it is of another size, or no state at all", () => {
    const generator = new Generator();
    const short = { dtype: "uint8", shape: [5000], bytes: new Uint8Array(5000) } as const;
    expect(() => {
      generator.setState(short);
    }).toThrow("a uint8 tensor of 5056 bytes, this is uint8 [5000]");
    const zeros = { dtype: "uint8", shape: [5056], bytes: new Uint8Array(5056) } as const;
    expect(() => {
      generator.setState(zeros);
    }).toThrow("this is not a state of mt19937");
  });
});

test("seedEverything seeds the default generator as Lightning's does", () => {
  seedEverything(42);
  expect([...uniform_(defaultGenerator, 3)]).toEqual([0.8822692632675171, 0.9150039553642273, 0.38286375999450684]);
});

test.each([-1, 2 ** 32, 1.5, Number.NaN])("seedEverything refuses %d", (seed) => {
  expect(() => {
    seedEverything(seed);
  }).toThrow(LtrainError);
});
