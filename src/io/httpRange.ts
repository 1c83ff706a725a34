import { LtrainError } from "../errors.js";
import { HttpDeadline, PassingFailure, UnreachableServer } from "./httpDeadline.js";

/** How patient a reader of a server is; tests are less so. */
export interface HttpPatience {
  /** Milliseconds without a byte until a request is given up. */
  readonly timeout: number;
  /** Milliseconds before each further attempt; as many attempts as there are numbers, and one. */
  readonly delays: readonly number[];
}

/** Patience with servers far away. */
export const PATIENCE: HttpPatience = { timeout: 30_000, delays: [250, 1000, 4000] };

/** What a server said of a range. */
export interface RangeAnswer {
  readonly bytes: Uint8Array;
  /** Length of the whole file. */
  readonly total: number;
  /** What tells one state of the file from another: its ETag, or when it was changed; null where the server says neither. */
  readonly version: string | null;
  /** Where the redirects led. */
  readonly url: URL;
}

/** Addresses lead on at most so often; a browser gives up at about as many. */
const MAX_REDIRECTS = 10;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** The server, or something on the way, may do better the next time. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);
const LOCAL_HOST = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** Bytes `start..end` of the file at `url`, fewer where the file ends before; `version` is what the file should still be. */
export async function fetchRange(
  url: URL,
  range: { readonly start: number; readonly end: number; readonly version: string | null },
  patience: HttpPatience,
): Promise<RangeAnswer> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await attemptRange(url, range, patience);
    } catch (error) {
      const delay = patience.delays[attempt];
      if (error instanceof UnreachableServer) {
        throw new LtrainError("io.failed", `cannot reach ${shown(url)}: ${error.message}`, {
          hint: "look at the address, the network and the proxy",
          cause: error.cause,
        });
      }
      if (!(error instanceof PassingFailure)) throw error;
      if (delay === undefined) {
        const tries = patience.delays.length + 1;
        throw new LtrainError("io.failed", `cannot read ${shown(url)}: ${error.message} (tried ${tries} times)`, {
          hint: "try again later, or download the file and give it here",
          cause: error.cause ?? error,
        });
      }
      await new Promise((resolve) => setTimeout(resolve, Math.max(delay, error.wait)));
    }
  }
}

async function attemptRange(
  start: URL,
  range: { readonly start: number; readonly end: number; readonly version: string | null },
  { timeout }: HttpPatience,
): Promise<RangeAnswer> {
  const deadline = new HttpDeadline(timeout);
  try {
    const { response, url } = await follow(start, headersOf(range), deadline);
    const total = checkAnswer(response, url, range);
    const version = versionOf(response);
    if (range.version !== null && version !== null && version !== range.version) throw changed(url);
    if (total === 0) return { bytes: new Uint8Array(0), total, version, url };
    const bytes = await readBody(response, Math.min(range.end, total) - range.start, deadline);
    return { bytes, total, version, url };
  } finally {
    deadline.end();
  }
}

function headersOf({
  start,
  end,
  version,
}: {
  readonly start: number;
  readonly end: number;
  readonly version: string | null;
}): Record<string, string> {
  return {
    // With a range fetch itself asks for no packing: a packed answer would have other offsets than the file.
    range: `bytes=${start}-${end - 1}`,
    ...(version === null || version.startsWith("W/") ? {} : { "if-range": version }),
  };
}

/** Follow redirects by hand: each must be as safe as the first address. */
async function follow(
  start: URL,
  headers: Readonly<Record<string, string>>,
  deadline: HttpDeadline,
): Promise<{ readonly response: Response; readonly url: URL }> {
  let url = start;
  for (let count = 0; count <= MAX_REDIRECTS; count += 1) {
    checkAddress(url);
    const { target, authorization } = withoutCredentials(url, start);
    const response = await deadline.wait((signal) =>
      fetch(target, { headers: { ...headers, ...authorization }, redirect: "manual", signal }),
    );
    const location = REDIRECTS.has(response.status) ? response.headers.get("location") : null;
    if (location === null) return { response, url };
    await response.body?.cancel();
    url = new URL(location, url);
  }
  throw new LtrainError("io.failed", `${shown(start)} leads on more than ${MAX_REDIRECTS} times`);
}

/** Only encrypted addresses, and those of this machine. */
export function checkAddress(url: URL): void {
  if (url.protocol === "https:" || (url.protocol === "http:" && LOCAL_HOST.test(url.hostname))) return;
  throw new LtrainError("argument.invalid", `${shown(url)} is not encrypted; only https:// addresses are read`, {
    hint: "use https://, or download the file",
  });
}

/** `https://user:password@host/` is sent as a header, and only to the host that it was given for. */
function withoutCredentials(
  url: URL,
  start: URL,
): { readonly target: URL; readonly authorization: Readonly<Record<string, string>> } {
  const target = new URL(url);
  target.username = "";
  target.password = "";
  if (start.username === "" || start.origin !== url.origin) return { target, authorization: {} };
  const pair = `${decodeURIComponent(start.username)}:${decodeURIComponent(start.password)}`;
  return { target, authorization: { authorization: `Basic ${Buffer.from(pair).toString("base64")}` } };
}

/** The file's length out of a good answer; everything else is told for what it is. */
function checkAnswer(
  response: Response,
  url: URL,
  { start, version }: { readonly start: number; readonly version: string | null },
): number {
  const { status, headers } = response;
  const total = /^bytes (?:(\d+)-\d+|\*)\/(\d+)$/.exec(headers.get("content-range") ?? "");
  if (status === 206) {
    const encoding = headers.get("content-encoding") ?? "identity";
    if (encoding !== "identity") {
      throw new LtrainError(
        "io.failed",
        `the server of ${shown(url)} packs its answers (${encoding}), so that offsets mean nothing`,
        {
          hint: DOWNLOAD,
        },
      );
    }
    if (total?.[1] === undefined || Number(total[1]) !== start) {
      throw new LtrainError("io.failed", `the server of ${shown(url)} does not say which part of the file it sends`, {
        hint: DOWNLOAD,
      });
    }
    return Number(total[2]);
  }
  if (status === 416 && total?.[2] === "0") return 0;
  if (status === 416 || (status === 200 && version !== null)) throw changed(url);
  if (status === 200) throw withoutRanges(url, headers.get("content-length"));
  throw refused(response, url);
}

const DOWNLOAD = "download the file first (curl -LO), and give it here";

function withoutRanges(url: URL, length: string | null): LtrainError {
  const size = length === null ? "the whole file" : `all ${length} bytes`;
  return new LtrainError(
    "io.failed",
    `the server of ${shown(url)} does not send parts of a file (no range requests): ${size} would have to be downloaded`,
    { hint: DOWNLOAD },
  );
}

function changed(url: URL): LtrainError {
  return new LtrainError("io.failed", `${shown(url)} has changed while it was read`, { hint: "run the command again" });
}

function refused({ status, statusText, headers }: Response, url: URL): Error {
  const answer = `${status}${statusText === "" ? "" : ` ${statusText}`}`;
  if (PASSING.has(status)) {
    const seconds = Number(headers.get("retry-after") ?? 0);
    return new PassingFailure(
      `the server answers ${answer}`,
      Math.min(Number.isFinite(seconds) ? seconds : 0, 30) * 1000,
    );
  }
  if (status === 404 || status === 410) {
    return new LtrainError("file.missing", `there is no file at ${shown(url)} (${answer})`);
  }
  const hint =
    status === 401 || status === 403
      ? "the address may need a token: use a signed address, or download the file"
      : "open the address in a browser to see what it is";
  return new LtrainError("io.failed", `cannot read ${shown(url)}: the server answers ${answer}`, { hint });
}

function versionOf({ headers }: Response): string | null {
  return headers.get("etag") ?? headers.get("last-modified");
}

async function readBody(response: Response, length: number, deadline: HttpDeadline): Promise<Uint8Array> {
  const bytes = new Uint8Array(Math.max(length, 0));
  const reader = response.body?.getReader() as ReadableStreamDefaultReader<Uint8Array> | undefined;
  let done = 0;
  while (reader !== undefined) {
    const piece = await deadline.wait(() => reader.read());
    if (piece.done) break;
    const part = piece.value.subarray(0, bytes.byteLength - done);
    bytes.set(part, done);
    done += part.byteLength;
    if (part.byteLength < piece.value.byteLength) {
      await reader.cancel(); // more than was asked for is not needed
      break;
    }
  }
  if (done < bytes.byteLength) throw new PassingFailure(`the answer ended after ${done} of ${bytes.byteLength} bytes`);
  return bytes;
}

/** An address as it may be shown: without a password. */
export function shown(url: URL): string {
  const plain = new URL(url);
  plain.username = "";
  plain.password = "";
  return plain.href;
}
