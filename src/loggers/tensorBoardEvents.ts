import { pythonFloat } from "../pickle/pythonFloat.js";
import { ProtoWriter } from "../storage/protoWriter.js";
import { maskedCrc32c } from "./crc32c.js";
import type { Histogram } from "./histogram.js";

/** What TensorBoard's hparams page can show of one hyperparameter. */
export type HparamScalar = boolean | number | string;

/** When something happened: the step, and the seconds since 1970. */
export interface Moment {
  readonly step: number;
  readonly wallTime: number;
}

// Numbers of fields and of enum values: tensorboard/compat/proto/{event,summary}.proto, plugins/hparams/{api,plugin_data}.proto.
const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5, sessionLog: 7 } as const;
const VALUE = { tag: 1, simpleValue: 2, histo: 5, metadata: 9 } as const;
const SESSION_LOG = { status: 1, START: 1 } as const;
const HPARAMS = { experiment: 2, sessionStart: 3, sessionEnd: 4 } as const;
const DATA_TYPE = { string: 1, boolean: 2, number: 3 } as const;
const STATUS = { unknown: 0, success: 1, failure: 2, running: 3 } as const;

/** How a session ended, for the hparams page. */
export type SessionStatus = keyof typeof STATUS;

/** The first event of a file: the version of its format. */
export function fileVersionEvent(wallTime: number): Uint8Array {
  return event({ step: 0, wallTime }, (proto) => {
    proto.text(EVENT.fileVersion, "brain.Event:2");
  });
}

/** A session that goes on at a step: TensorBoard forgets what earlier files hold from that step on. */
export function sessionStartEvent(moment: Moment): Uint8Array {
  return event(moment, (proto) => {
    proto.message(EVENT.sessionLog, (log) => {
      log.varint(SESSION_LOG.status, SESSION_LOG.START);
    });
  });
}

/** Metrics of one step. */
export function scalarsEvent(metrics: Readonly<Record<string, number>>, moment: Moment): Uint8Array {
  const values = Object.entries(metrics).map(([tag, value]) => (proto: ProtoWriter): void => {
    proto.text(VALUE.tag, tag);
    proto.float(VALUE.simpleValue, value);
  });
  return summaryEvent(values, moment);
}

/** Counted values of one step. */
export function histogramEvent(tag: string, histogram: Histogram, moment: Moment): Uint8Array {
  const value = (proto: ProtoWriter): void => {
    proto.text(VALUE.tag, tag);
    proto.message(VALUE.histo, (body) => {
      const { min, max, count, sum, sumSquares, limits, counts } = histogram;
      for (const [index, number] of [min, max, count, sum, sumSquares].entries()) {
        if (number !== 0) body.double(index + 1, number); // proto3 leaves out what is 0
      }
      body.doubles(6, limits);
      body.doubles(7, counts);
    });
  };
  return summaryEvent([value], moment);
}

/** What the hparams page is made of: the experiment's columns, and this session's values. */
export function hparamsEvents(
  hparams: Readonly<Record<string, HparamScalar>>,
  metrics: readonly string[],
  moment: Moment,
): Uint8Array[] {
  const experiment = hparamsEvent("_hparams_/experiment", moment, (data) => {
    data.message(HPARAMS.experiment, (body) => {
      for (const [name, value] of Object.entries(hparams)) {
        body.message(4, (info) => {
          info.text(1, name);
          info.varint(4, DATA_TYPE[typeof value as keyof typeof DATA_TYPE]);
        });
      }
      for (const tag of metrics) {
        body.message(5, (info) => {
          info.message(1, (name) => {
            name.text(2, tag);
          });
        });
      }
    });
  });
  const start = hparamsEvent("_hparams_/session_start_info", moment, (data) => {
    data.message(HPARAMS.sessionStart, (body) => {
      for (const [name, value] of Object.entries(hparams)) {
        body.message(1, (entry) => {
          entry.text(1, name);
          entry.message(2, (proto) => {
            writeValue(proto, value);
          });
        });
      }
      body.double(5, moment.wallTime);
    });
  });
  return [experiment, start];
}

/** How the session ended. */
export function sessionEndEvent(status: SessionStatus, moment: Moment): Uint8Array {
  return hparamsEvent("_hparams_/session_end_info", moment, (data) => {
    data.message(HPARAMS.sessionEnd, (body) => {
      if (status !== "unknown") body.varint(1, STATUS[status]);
      body.double(2, moment.wallTime);
    });
  });
}

/** google.protobuf.Value. */
function writeValue(proto: ProtoWriter, value: HparamScalar): void {
  if (typeof value === "boolean") proto.varint(4, Number(value));
  else if (typeof value === "string") proto.text(3, value);
  else if (Number.isFinite(value)) proto.double(2, value);
  else proto.text(3, pythonFloat(value)); // JSON, which the page is sent, has no word for it
}

function hparamsEvent(tag: string, moment: Moment, write: (data: ProtoWriter) => void): Uint8Array {
  const data = new ProtoWriter(); // of version 0 of the plugin's data, which proto3 leaves out
  write(data);
  const value = (proto: ProtoWriter): void => {
    proto.text(VALUE.tag, tag);
    proto.message(VALUE.metadata, (metadata) => {
      metadata.message(1, (plugin) => {
        plugin.text(1, "hparams");
        plugin.bytes(2, data.finish());
      });
    });
  };
  return summaryEvent([value], moment);
}

function summaryEvent(values: readonly ((proto: ProtoWriter) => void)[], moment: Moment): Uint8Array {
  return event(moment, (proto) => {
    proto.message(EVENT.summary, (summary) => {
      for (const value of values) summary.message(1, value);
    });
  });
}

/** An event in its TFRecord: length, checksum of the length, event, checksum of the event. */
function event({ step, wallTime }: Moment, write: (proto: ProtoWriter) => void): Uint8Array {
  const proto = new ProtoWriter();
  proto.double(EVENT.wallTime, wallTime);
  if (step !== 0) proto.varint(EVENT.step, step);
  write(proto);
  const body = proto.finish();
  const record = new Uint8Array(body.byteLength + 16);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(body.byteLength), true);
  view.setUint32(8, maskedCrc32c(record.subarray(0, 8)), true);
  record.set(body, 12);
  view.setUint32(12 + body.byteLength, maskedCrc32c(body), true);
  return record;
}
