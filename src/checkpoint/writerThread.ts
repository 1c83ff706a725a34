/** What the thread runs that writes checkpoints while training goes on: one job after the other. */
import { nodeFiles } from "../io/fileOperations.js";
import { describeFailure } from "../io/threadFailure.js";
import { serveThread } from "../io/workerThread.js";
import { unpackJob } from "./packedJob.js";
import { runSaveJob } from "./commitJob.js";
import type { WriterAnswer, WriterRequest } from "./writerMessages.js";

serveThread((port) => {
  const answer = (message: WriterAnswer): void => {
    port.post(message, message.buffers);
  };
  const save = async ({ job, buffers }: WriterRequest & { kind: "save" }): Promise<void> => {
    try {
      answer({ kind: "saved", saved: await runSaveJob(unpackJob(job, buffers), nodeFiles), buffers });
    } catch (error) {
      answer({ kind: "failed", failure: describeFailure(error), buffers });
    }
  };
  return (message) => {
    const request = message as WriterRequest;
    if (request.kind === "save") void save(request);
    else answer({ kind: "memory", buffers: request.sizes.map((size) => new Uint8Array(size).fill(1).buffer) });
  };
});
