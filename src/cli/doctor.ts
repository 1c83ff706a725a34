import { arch, cpus, platform, release, totalmem } from "node:os";
import type { Diagnosis, EngineReport } from "../engine/diagnose.js";
import { ERROR_CODES } from "../errors.js";
import type { Terminal } from "../io/console.js";
import { jsonDocument } from "./jsonWriter.js";
import { printable } from "./printable.js";
import { renderTable } from "./table.js";

/** What `ltrain doctor` was asked for. */
export interface DoctorOptions {
  readonly json: boolean;
  /** ltrain's own. */
  readonly version: string;
}

/** `ltrain doctor`: every engine and device, whether it can be used, why not, and what would change that. */
export async function runDoctor({ json, version }: DoctorOptions, terminal: Terminal): Promise<number> {
  const diagnosis = await diagnose();
  const machine = {
    ltrain: version,
    node: process.versions.node,
    platform: `${platform()} ${arch()}, ${release()}`,
    cpu: `${cpus().length} × ${cpus()[0]?.model.trim() ?? "unknown"}`,
    memoryBytes: totalmem(),
  };
  terminal.stdout.write(
    json ? jsonDocument(doctorJson(machine, diagnosis), 2) : `${await describe(machine, diagnosis, terminal)}\n`,
  );
  const works = diagnosis.engines.some(({ engine, usable }) => engine === "onnxruntime" && usable);
  return works ? 0 : ERROR_CODES["engine.unavailable"];
}

/** What cannot even be loaded is a finding too. */
async function diagnose(): Promise<Diagnosis> {
  try {
    const { diagnoseEngines } = await import("../engine/diagnose.js");
    return await diagnoseEngines();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const remedy = "install ltrain again: `npm ci` in a checkout, `npm install ltrain` elsewhere";
    const broken = { engine: "tfjs", device: "cpu", driver: null, usable: false, takenBy: [], reason, remedy } as const;
    return { versions: {}, withoutGpu: null, engines: [broken] };
  }
}

interface Machine {
  readonly ltrain: string;
  readonly node: string;
  readonly platform: string;
  readonly cpu: string;
  readonly memoryBytes: number;
}

function doctorJson({ memoryBytes, ...machine }: Machine, { withoutGpu, engines, versions }: Diagnosis): object {
  return {
    ...machine,
    memory_bytes: memoryBytes,
    versions,
    without_gpu: withoutGpu,
    engines: engines.map(({ takenBy, ...engine }) => ({ ...engine, taken_by: takenBy })),
  };
}

async function describe(machine: Machine, diagnosis: Diagnosis, terminal: Terminal): Promise<string> {
  const versions = Object.entries(diagnosis.versions).map(([name, version]) => `${name} ${version ?? "not there"}`);
  const gigabytes = (machine.memoryBytes / 2 ** 30).toFixed(1);
  const table = await renderTable(
    { head: ["engine", "device", "usable", "taken by"], rows: diagnosis.engines.map(rowOf) },
    terminal.stdout,
  );
  return [
    `ltrain ${machine.ltrain}, Node ${machine.node}, ${machine.platform}`,
    `${machine.cpu}, ${gigabytes} GiB`,
    versions.join(", "),
    ...(diagnosis.withoutGpu === null ? [] : [diagnosis.withoutGpu]),
    "",
    table,
    ...diagnosis.engines.flatMap(complaintOf),
  ].join("\n");
}

function rowOf({ engine, device, usable, takenBy }: EngineReport): readonly string[] {
  const taken = takenBy.length === 0 ? (usable ? `--engine ${engine}` : "") : `--accelerator ${takenBy.join(", ")}`;
  return [engine, device, usable ? "yes" : "no", taken];
}

function complaintOf({ engine, device, driver, reason, remedy }: EngineReport): readonly string[] {
  const title = `${engine}, ${device}`;
  if (driver !== null) return ["", `${title}: driver ${printable(driver)}`];
  if (reason === null) return [];
  return ["", `${title}: ${printable(reason)}`, ...(remedy === null ? [] : [`  ${remedy}`])];
}
