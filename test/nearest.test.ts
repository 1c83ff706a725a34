import { didYouMean, editDistance, nearest } from "../src/nearest.js";

test("a swap of neighbours is one edit, as is a letter too many, too few or wrong", () => {
  expect(editDistance("encoder", "ecnoder")).toBe(1);
  expect(editDistance("encoder", "encoderr")).toBe(1);
  expect(editDistance("encoder", "encodr")).toBe(1);
  expect(editDistance("encoder", "encodes")).toBe(1);
  expect(editDistance("kitten", "sitting")).toBe(3); // the textbook's example
});

test("the nearest name wins, whatever its case, dashes and underscores", () => {
  expect(nearest("max_epoch", ["max_steps", "max_epochs", "min_epochs"])).toBe("max_epochs");
  expect(nearest("--ckpt_path", ["--config", "--ckpt-path"])).toBe("--ckpt-path");
  expect(didYouMean("ADAM", ["SGD", "Adam"])).toBe('did you mean "Adam"?');
});

test("a name that is near to nothing is not guessed", () => {
  expect(nearest("zebra", ["encoder.", "decoder."])).toBeUndefined();
  expect(didYouMean("x", ["encoder"])).toBeUndefined();
});
