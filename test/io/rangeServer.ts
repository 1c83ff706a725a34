import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What a test server does otherwise than a good one. */
export interface ServerQuirks {
  /** Answer before anything else; true when it has. */
  readonly intercept?: (request: IncomingMessage, response: ServerResponse, count: number) => boolean;
  /** Ignore Range and send the whole file. */
  readonly noRanges?: boolean;
  readonly noEtag?: boolean;
}

/** A server of files in memory on this machine that counts what it sends. */
export class RangeServer {
  readonly files: Map<string, Uint8Array>;
  requests = 0;
  bytesSent = 0;
  /** Ranges that were asked for, as "file start-end". */
  readonly ranges: string[] = [];
  /** Accept-Encoding of the last request. */
  acceptEncoding: string | undefined;
  readonly #server: Server;

  private constructor(files: Readonly<Record<string, Uint8Array>>, quirks: ServerQuirks) {
    this.files = new Map(Object.entries(files));
    this.#server = createServer((request, response) => {
      this.#answer(request, response, quirks);
    });
  }

  /** Serve until `close`. */
  static async start(files: Readonly<Record<string, Uint8Array>>, quirks: ServerQuirks = {}): Promise<RangeServer> {
    const server = new RangeServer(files, quirks);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  url(name: string): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/${name}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse, quirks: ServerQuirks): void {
    this.requests += 1;
    this.acceptEncoding = request.headers["accept-encoding"]?.toString();
    if (quirks.intercept?.(request, response, this.requests) === true) return;
    const name = decodeURIComponent(new URL(request.url ?? "/", "http://x").pathname.slice(1));
    const bytes = this.files.get(name);
    if (bytes === undefined) {
      response.writeHead(404).end("no such file");
      return;
    }
    const etag = `"${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}"`;
    const headers = quirks.noEtag === true ? {} : { etag };
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
    const ifRange = request.headers["if-range"];
    if (quirks.noRanges === true || range === null || (ifRange !== undefined && ifRange !== etag)) {
      response.writeHead(200, { ...headers, "content-length": bytes.byteLength }).end(bytes);
      return;
    }
    const [start, end] = [Number(range[1]), Math.min(Number(range[2]) + 1, bytes.byteLength)];
    if (start >= bytes.byteLength) {
      response.writeHead(416, { "content-range": `bytes */${bytes.byteLength}` }).end();
      return;
    }
    this.ranges.push(`${name} ${start}-${end}`);
    this.bytesSent += end - start;
    response
      .writeHead(206, { ...headers, "content-range": `bytes ${start}-${end - 1}/${bytes.byteLength}` })
      .end(bytes.subarray(start, end));
  }
}
