import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { LiveProcess } from "./liveProcess.js";

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

/** What came of a run of real Lightning: the losses this process saw, and the files it left. */
export interface PeerFit {
  readonly losses: number[];
  readonly val_losses: number[];
  /** The sum of every batch's inputs, which tells batches apart. */
  readonly batches: number[];
  readonly learning_rates: number[];
  readonly checkpoints: string[];
  readonly global_step: number;
  /** Whether `Preempt` ended it. */
  readonly preempted: boolean;
  readonly scaler: Record<string, number> | null;
}

/** What a run of Lightning's may be told beside its config. */
export interface PeerFitOptions {
  readonly ckptPath?: string;
  /** Arguments of the GradScaler of 16-mixed. */
  readonly scaler?: Readonly<Record<string, number>>;
  /** With a DataLoader that does not know where a checkpoint stands. */
  readonly plain?: boolean;
}

const python = new LiveProcess(PYTHON, [SCRIPT]);

/** Open a file with `torch.load(weights_only=True)`. */
export async function torchLoads(path: string): Promise<PeerLoaded> {
  return (await python.ask({ command: "load", path })) as PeerLoaded;
}

/** `LitAutoEncoder.load_from_checkpoint(path)` in Python. */
export async function lightningLoadsFromCheckpoint(
  path: string,
): Promise<{ hparams: Record<string, unknown>; tensors: PeerTensors }> {
  const answer = await python.ask({ command: "load_from_checkpoint", path });
  return answer as { hparams: Record<string, unknown>; tensors: PeerTensors };
}

/** `Encoder().load_state_dict(torch.load(path), strict=True)` in Python. */
export async function torchLoadsEncoder(path: string, hidden: number, latent: number): Promise<PeerTensors> {
  const answer = await python.ask({ command: "load_encoder", path, hidden, latent });
  return (answer as { tensors: PeerTensors }).tensors;
}

/** `safetensors.torch.load_file(path)` in Python. */
export async function safetensorsLoads(path: string): Promise<PeerTensors> {
  return ((await python.ask({ command: "load_safetensors", path })) as { tensors: PeerTensors }).tensors;
}

/** `Trainer.fit(ckpt_path=...)` in real Lightning, of a config that ltrain takes too; its files go into `out`. */
export async function lightningFits(config: object, out: string, options: PeerFitOptions = {}): Promise<PeerFit> {
  const { ckptPath: ckpt_path = null, scaler = null, plain = false } = options;
  return (await python.ask({ command: "fit", config, out, ckpt_path, scaler, plain })) as PeerFit;
}

/** Save at `out` what Python's `code` makes of the `checkpoint` at `path`. */
export async function editedByTorch(path: string, out: string, code: string): Promise<string> {
  return (await python.ask({ command: "edit", path, out, code })) as string;
}
