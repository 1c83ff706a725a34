import type { Command } from "commander";

/** What people type, by command; a test holds them against the commands' own options. */
const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  train: [
    "ltrain train --config configs/mnist-autoencoder.yaml",
    "ltrain train --config c.yaml --trainer.max_epochs 3 --model.lr 1e-2",
    "ltrain train --config c.yaml --print-config",
  ],
  resume: [
    "ltrain resume",
    "ltrain resume lightning_logs/version_3 --trainer.max_epochs 20",
    "ltrain resume epoch=9-step=1000.ckpt --config c.yaml",
  ],
  validate: ["ltrain validate lightning_logs/version_3", "ltrain validate best.ckpt --config c.yaml --json"],
  test: ["ltrain test lightning_logs/version_3", "ltrain test best.ckpt --config c.yaml --json"],
  predict: [
    "ltrain predict lightning_logs/version_3 -o out.csv",
    "ltrain predict best.ckpt --input rows.csv -o out.npy",
  ],
  inspect: [
    "ltrain inspect last.ckpt --keys",
    "ltrain inspect last.ckpt --key optimizer_states[0].param_groups[0]",
    "ltrain inspect last.ckpt --filter 'encoder.*' --stats",
    "ltrain inspect lightning_logs --sort metric",
  ],
  extract: [
    "ltrain extract last.ckpt --prefix encoder. --strip-prefix -o encoder.pt",
    "ltrain extract last.ckpt --include '*.weight' --dtype bfloat16 -o weights.safetensors",
    "ltrain extract last.ckpt --key optimizer_states[0].state --dry-run",
  ],
  convert: ["ltrain convert last.ckpt -o model.safetensors", "ltrain convert weights.npz -o weights.pt"],
  sanitize: ["ltrain sanitize stranger.ckpt -o safe.ckpt", "ltrain sanitize stranger.ckpt --dry-run"],
  verify: ["ltrain verify last.ckpt", "ltrain verify lightning_logs/version_3/checkpoints --json"],
  diff: ["ltrain diff a.ckpt b.ckpt", "ltrain diff a.ckpt b.ckpt --rtol 1e-5 --weights"],
  plot: [
    "ltrain plot lightning_logs/version_3",
    "ltrain plot lightning_logs/version_3 --metric val_loss -o curves.svg",
  ],
  report: ["ltrain report lightning_logs/version_3 -o report.html"],
  runs: ["ltrain runs", "ltrain runs lightning_logs --json"],
  export: ["ltrain export best.ckpt --format onnx -o model.onnx"],
  init: ["ltrain init my-project"],
  schema: ["ltrain schema > config.schema.json", "ltrain schema inspect"],
  doctor: ["ltrain doctor"],
  completion: ['eval "$(ltrain completion bash)"'],
};

/** Put a command's examples under its help. */
export function addExamples(command: Command): void {
  const examples = EXAMPLES[command.name()] ?? [];
  if (examples.length > 0)
    command.addHelpText("after", `\nExamples:\n${examples.map((line) => `  $ ${line}`).join("\n")}`);
}

/** The examples of every command, for the test that tries them. */
export function examplesOf(command: string): readonly string[] {
  return EXAMPLES[command] ?? [];
}
