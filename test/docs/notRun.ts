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
    command: "npm run fuzz -- --minutes 25 --seed 20261123",
    because: "half an hour and more; test/fuzz has a short run",
  },
  {
    page: "docs/gpu.md",
    command: "ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install.js",
    because: "fetches hundreds of megabytes from a server that is not always reached, for a card that CI has not",
  },
  ...all(
    "docs/engines.md",
    "builds an addon against a wheel of half a gigabyte; .ci/run does it, test/scripts tests the script",
    "npm run build:tfjs-node-gpu                  # in a checkout; tensorflow where nvidia-smi finds a GPU, else tensorflow-cpu",
    "npm explore ltrain -- npm run build:tfjs-node-gpu     # where ltrain is installed as a package",
  ),
  ...all(
    "docs/engines.md",
    "makes and uses a folder for a machine with a GPU and without network: an installation, and a card",
    "npm run build && mkdir -p bare/test && cp -r package.json package-lock.json .npmrc bin dist configs scripts bare",
    "cp -r test/bench bare/test && cd bare",
    "npm ci --omit=dev --omit=optional --ignore-scripts",
    "rm -r node_modules/onnxruntime-node/bin/napi-v6/{darwin,win32,linux/arm64}",
    'cp "$(readlink -f "$(command -v node)")" node',
    "apt-get download libvulkan1 && dpkg -x libvulkan1_*.deb vulkan",
    "export LD_LIBRARY_PATH=$PWD/vulkan/usr/lib/x86_64-linux-gnu LTRAIN_PEER_PYTHON=$(command -v python3)",
    "./node bin/ltrain.js doctor",
    "./node test/bench/index.mjs gpu --skip-suite",
  ),
];

/** Several commands of one page, for one reason. */
function all(page: string, because: string, ...commands: readonly string[]): NotRun[] {
  return commands.map((command) => ({ page, command, because }));
}
