import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("peer.py", import.meta.url));
const VENV = fileURLToPath(new URL("../../.venv/bin/python", import.meta.url));

/** The Python that has real torch and Lightning: LTRAIN_PEER_PYTHON, or the virtual environment that .ci/run makes. */
const PYTHON = process.env["LTRAIN_PEER_PYTHON"] ?? VENV;

/** Whether the real peers are there. In CI they must be: a skipped proof is no proof. */
export const peerIsThere = existsSync(PYTHON);

/** A test against real PyTorch or Lightning: skipped aloud where they are not installed, failing there in CI. */
export function peerTest(name: string, body: () => Promise<void> | void, timeout = 180_000): void {
  if (peerIsThere) {
    test(name, body, timeout);
  } else if (process.env["CI"] === "true") {
    test(name, () => {
      throw new Error(`${PYTHON} is missing: .ci/run installs torch, pytorch-lightning and safetensors there`);
    });
  } else {
    process.stderr.write(`not run for want of real torch and Lightning in .venv (.ci/run installs them): ${name}\n`);
    // The reason: there is nothing to compare with. .ci/run never comes here.
    test.skip(name, body);
  }
}

/** A tensor as the peer saw it: `sha256` is over its contiguous little-endian bytes. */
export interface PeerTensor {
  readonly dtype: string;
  readonly shape: number[];
  readonly sha256: string;
}

/** Ask test/interop/peer.py something; its answer is one JSON object. */
export function askPeer<Answer>(command: string, ...args: readonly string[]): Answer {
  const answer = execFileSync(PYTHON, [SCRIPT, command, ...args], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    env: { ...process.env, CUDA_VISIBLE_DEVICES: "" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return JSON.parse(answer) as Answer;
}
