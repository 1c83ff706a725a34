/** What a data worker runs: it makes the dataset of its loader, and then the batches that it is asked for, in order. */
import { describeFailure } from "../io/threadFailure.js";
import { importUserFile } from "../io/userFile.js";
import { serveThread } from "../io/workerThread.js";
import { defaultGenerator } from "../tensor/generator.js";
import type { Dataset } from "./dataset.js";
import { packBatch } from "./packedBatch.js";
import type { WorkerAnswer, WorkerRequest } from "./workerMessages.js";
import type { ImportModule, PackedSource } from "./workerSource.js";
import { OWN_MODULE, unpackSource } from "./workerSource.js";

const load: ImportModule = async (module) => {
  if (module === OWN_MODULE) return await import("./index.js");
  return importUserFile(module);
};

serveThread((port) => {
  const dataset = unpackSource(port.data as PackedSource, load) as Promise<Dataset>;
  dataset.catch(() => undefined); // told with the first batch
  let pass = 0;
  let random: Uint8Array = defaultGenerator.getState().bytes;
  let tail = Promise.resolve();

  const begin = ({ seed, random: state }: WorkerRequest & { kind: "pass" }): void => {
    defaultGenerator.manualSeed(seed);
    if (state !== null) defaultGenerator.setState({ dtype: "uint8", shape: [state.byteLength], bytes: state });
    random = defaultGenerator.getState().bytes;
  };
  const makeBatch = async (request: WorkerRequest & { kind: "batch" }): Promise<void> => {
    if (request.pass !== pass) return;
    const place = { pass: request.pass, batch: request.batch };
    try {
      const packed = packBatch(await (await dataset).getBatch(request.indices));
      port.post({ ...place, packed, random: drawn() } satisfies WorkerAnswer, [packed.bytes]);
    } catch (error) {
      port.post({ ...place, failure: describeFailure(error), random: null } satisfies WorkerAnswer);
    }
  };
  /** The generator's state where it has moved. */
  const drawn = (): Uint8Array | null => {
    const { bytes } = defaultGenerator.getState();
    if (Buffer.compare(bytes, random) === 0) return null;
    random = bytes;
    return bytes;
  };
  return (message) => {
    const request = message as WorkerRequest;
    if (request.kind === "pass") pass = request.pass;
    tail = tail.then(async () => {
      if (request.kind === "pass") begin(request);
      else await makeBatch(request);
    });
  };
});
