import { splitOverrides } from "../../src/cli/overrides.js";

test("a key of the config takes the token after it, a key with = does not", () => {
  expect(splitOverrides(["--trainer.max_epochs", "3", "run.ckpt"])).toEqual({
    overrides: ["--trainer.max_epochs", "3"],
    words: ["run.ckpt"],
  });
  expect(splitOverrides(["--model.lr=1e-3", "run.ckpt", "--trainer.max_steps", "-1"])).toEqual({
    overrides: ["--model.lr=1e-3", "--trainer.max_steps", "-1"],
    words: ["run.ckpt"],
  });
});
