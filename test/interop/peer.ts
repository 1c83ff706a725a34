import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("peer.py", import.meta.url));
const VENV = fileURLToPath(new URL("../../.venv/bin/python", import.meta.url));

/** The Python that has real torch and Lightning: LTRAIN_PEER_PYTHON, or the virtual environment that .ci/run makes. */
export const PYTHON = process.env["LTRAIN_PEER_PYTHON"] ?? VENV;

/** Whether the real peers are there. In CI they must be: a skipped proof is no proof. */
export const peerIsThere = existsSync(PYTHON);

/** A test against real PyTorch or Lightning: skipped aloud where they are not installed, failing there in CI. */
export function peerTest(name: string, body: () => Promise<void> | void, timeout = 180_000): void {
  const run = async (): Promise<void> => {
    await body();
  };
  if (peerIsThere) {
    test(name, run, timeout);
  } else if (process.env["CI"] === "true") {
    test(name, () => {
      throw new Error(`${PYTHON} is missing: .ci/run installs torch, pytorch-lightning and safetensors there`);
    });
  } else {
    process.stderr.write(`not run for want of real torch and Lightning in .venv (.ci/run installs them): ${name}\n`);
    // The reason: there is nothing to compare with. .ci/run never comes here.
    test.skip(name, run);
  }
}

/** A tensor as the peer saw it: `sha256` is over its contiguous little-endian bytes. */
export interface PeerTensor {
  readonly dtype: string;
  readonly shape: number[];
  readonly sha256: string;
}

/** Names to tensors. */
export type PeerTensors = Readonly<Record<string, PeerTensor>>;

/** What `torch.load(path, weights_only=True)` gave. */
export interface PeerLoaded {
  readonly keys: string[];
  readonly plain: Record<string, unknown>;
  readonly tensors: PeerTensors;
  readonly metadata: Record<string, { version: number }> | null;
  readonly hyper_parameters: Record<string, unknown> | null;
  /** The state of MixedPrecision, each value with its Python type. */
  readonly precision: Record<string, [type: string, value: number]>;
}

/** A run of real Lightning: which module, which optimizer, how long. */
export interface FitSpec {
  readonly init_args: Readonly<Record<string, unknown>>;
  readonly optimizer: string;
  readonly optimizer_args: Readonly<Record<string, unknown>>;
  readonly scheduler?: string;
  readonly scheduler_args?: Readonly<Record<string, unknown>>;
  readonly batch_size: number;
  readonly train_size: number;
  readonly max_epochs: number;
  readonly shuffle?: boolean;
  readonly seed?: number;
  readonly checkpoint?: Readonly<Record<string, unknown>>;
  readonly precision?: "16-mixed" | "bf16-mixed";
  /** Arguments of the GradScaler of 16-mixed. */
  readonly scaler?: Readonly<Record<string, number>>;
}

/** What came of it: the loss of every step this process took, and the files it left. */
export interface PeerFit {
  readonly losses: number[];
  readonly checkpoints: string[];
  readonly tensors: PeerTensors;
  readonly global_step: number;
  readonly lr: number[];
  readonly scaler: Record<string, number> | null;
}

/** Open a file with `torch.load(weights_only=True)`. */
export function torchLoads(path: string): PeerLoaded {
  return ask("load", path) as PeerLoaded;
}

/** `LitAutoEncoder.load_from_checkpoint(path)` in Python. */
export function lightningLoadsFromCheckpoint(path: string): { hparams: Record<string, unknown>; tensors: PeerTensors } {
  return ask("load_from_checkpoint", path) as { hparams: Record<string, unknown>; tensors: PeerTensors };
}

/** `Encoder().load_state_dict(torch.load(path), strict=True)` in Python. */
export function torchLoadsEncoder(path: string, hidden: number, latent: number): PeerTensors {
  const answer = ask("load_encoder", path, "--hidden", String(hidden), "--latent", String(latent));
  return (answer as { tensors: PeerTensors }).tensors;
}

/** `safetensors.torch.load_file(path)` in Python. */
export function safetensorsLoads(path: string): PeerTensors {
  return (ask("load_safetensors", path) as { tensors: PeerTensors }).tensors;
}

/** `Trainer.fit(ckpt_path=...)` in real Lightning, on the first images of an IDX folder, without shuffling. */
export function lightningFits(data: string, out: string, spec: FitSpec, ckptPath?: string): PeerFit {
  const resume = ckptPath === undefined ? [] : ["--ckpt-path", ckptPath];
  return ask("fit", "--data", data, "--out", out, "--spec", JSON.stringify(spec), ...resume) as PeerFit;
}

function ask(command: string, ...args: readonly string[]): unknown {
  const answer = execFileSync(PYTHON, [SCRIPT, command, ...args], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    env: { ...process.env, CUDA_VISIBLE_DEVICES: "" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return JSON.parse(answer);
}
