import { readFileSync } from "node:fs";
import { crc32c } from "../../src/loggers/crc32c.js";
import { histogramOf } from "../../src/loggers/histogram.js";
import type { Histogram } from "../../src/loggers/histogram.js";
import {
  fileVersionEvent,
  histogramEvent,
  hparamsEvents,
  scalarsEvent,
  sessionEndEvent,
} from "../../src/loggers/tensorBoardEvents.js";

const truth = JSON.parse(readFileSync(new URL("../fixtures/loggers/tensorBoard.json", import.meta.url), "utf8")) as {
  readonly wall_time: number;
  readonly version: string;
  readonly scalar: { readonly tag: string; readonly value: number; readonly step: number; readonly record: string };
  readonly histograms: Record<string, { readonly values: readonly number[]; readonly record: string }>;
  readonly hparams: {
    readonly values: Record<string, number | string>;
    readonly experiment: string;
    readonly end: string;
  };
};
const at = (step: number): { step: number; wallTime: number } => ({ step, wallTime: truth.wall_time });
const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString("hex");

test("crc32c gives the checksums of RFC 3720, section B.4", () => {
  expect(crc32c(new Uint8Array(32)).toString(16)).toBe("8a9136aa");
  expect(crc32c(new Uint8Array(32).fill(0xff)).toString(16)).toBe("62a8ab43");
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)).toString(16)).toBe("46dd794e");
});

test("a scalar and the head of a file are byte for byte those of torch's SummaryWriter, checksums and all", () => {
  const { tag, value, step, record } = truth.scalar;
  expect(hex(scalarsEvent({ [tag]: value }, at(step)))).toBe(record);
  expect(hex(fileVersionEvent(truth.wall_time))).toBe(truth.version);
});

test.each(Object.keys(truth.histograms))("a histogram has the buckets of torch's SummaryWriter: %s", (name) => {
  const { values, record } = truth.histograms[name] ?? { values: [], record: "" };
  expect(hex(histogramEvent("weight", histogramOf(values) as Histogram, at(3)))).toBe(record);
});

test("the hparams page's columns and the end of a session are byte for byte torch's", () => {
  const { values, experiment } = truth.hparams;
  expect(hex(hparamsEvents(values, ["hp_metric"], at(0))[0])).toBe(experiment);
  // torch says at once that the session succeeded; ltrain says so when it did, and when.
  const end = hex(sessionEndEvent("success", at(0)));
  expect(end).toContain(Buffer.from("_hparams_/session_end_info").toString("hex"));
  expect(truth.hparams.end).toContain("22020801"); // session_end_info { status: 1 }
  expect(end).toContain("220b0801110000"); // the same with end_time_secs behind it
});

test("what is not finite is in no bucket, and nothing but that is no histogram", () => {
  expect(histogramOf([Number.NaN, 1, Infinity])?.count).toBe(1);
  expect(histogramOf([Number.NaN, -Infinity])).toBeNull();
});
