/** A command of a page that this suite does not run as it stands. */
export interface NotRun {
  readonly page: string;
  readonly command: string;
  readonly because: string;
  /** What of it is run all the same. */
  readonly instead?: string;
}

/** Every command that is not run, and why; one that no page has any more is a failure. */
export const NOT_RUN: readonly NotRun[] = [
  {
    page: "README.md",
    command: "npm ci && npx ltrain train --config configs/mnist-autoencoder.yaml",
    because: "an installation takes minutes; .ci/run begins with it",
    instead: "npx ltrain train --config configs/mnist-autoencoder.yaml",
  },
  { page: "README.md", command: "npm ci && npm test", because: "it is what runs this test" },
  {
    page: "docs/safety.md",
    command: "npm run fuzz -- --minutes 30",
    because: "half an hour; test/fuzz has a short run",
  },
  {
    page: "docs/gpu.md",
    command: "ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install.js",
    because: "fetches hundreds of megabytes from a server that is not always reached, for a card that CI has not",
  },
];
