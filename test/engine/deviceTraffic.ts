import ort from "onnxruntime-node";
import type { InferenceSession, Tensor } from "onnxruntime-node";

/** What went between host and device, as sessions see it. */
export interface Traffic {
  /** Runs of any session. */
  runs: number;
  /** The sizes of the tensors that came from the host. */
  uploads: number[];
  /** The sizes of those that went to the host. */
  downloads: number[];
}

type Create = (...args: readonly unknown[]) => Promise<InferenceSession>;

/** Keep an account of what onnxruntime's sessions are given and give while `body` runs. */
export async function countTraffic(body: (traffic: Traffic) => Promise<void>): Promise<void> {
  const traffic: Traffic = { runs: 0, uploads: [], downloads: [] };
  const sessions = ort.InferenceSession as unknown as { create: Create };
  const { create } = sessions;
  sessions.create = async (...args) => counted(await create.apply(sessions, [...args]), traffic);
  try {
    await body(traffic);
  } finally {
    sessions.create = create;
  }
}

function counted(session: InferenceSession, traffic: Traffic): InferenceSession {
  const run = async (feeds: Record<string, Tensor>, ...others: never[]): Promise<unknown> => {
    traffic.runs += 1;
    traffic.uploads.push(...sizesOnHost(feeds));
    const results = await session.run(feeds, ...others);
    traffic.downloads.push(...sizesOnHost(results));
    return results;
  };
  return new Proxy(session, {
    get: (target, name) => {
      if (name === "run") return run;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value as (...args: unknown[]) => unknown).bind(target) : value;
    },
  });
}

function sizesOnHost(tensors: Readonly<Record<string, Tensor>>): number[] {
  return Object.values(tensors).flatMap((tensor) => (tensor.location === "cpu" ? [tensor.size] : []));
}
