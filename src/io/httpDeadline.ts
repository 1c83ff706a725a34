/** A failure that may pass. */
export class PassingFailure extends Error {
  /** Milliseconds that the server asks for. */
  readonly wait: number;
  constructor(message: string, wait = 0) {
    super(message);
    this.wait = wait;
  }
}

/** A failure that will not pass. */
export class UnreachableServer extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause });
  }
}

/** Gives a request up when nothing has come for a while; what fails on the network may pass. */
export class HttpDeadline {
  readonly #controller = new AbortController();
  readonly #timeout: number;
  constructor(timeout: number) {
    this.#timeout = timeout;
  }

  async wait<T>(begin: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const timer = setTimeout(() => {
      this.#controller.abort();
    }, this.#timeout);
    try {
      return await begin(this.#controller.signal);
    } catch (error) {
      if (this.#controller.signal.aborted) throw new PassingFailure(`no answer within ${this.#timeout / 1000} seconds`);
      throw failureOf(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Let go of what is still on its way. */
  end(): void {
    this.#controller.abort();
  }
}

/** Connections break off and names are not found for a moment; a port that nobody listens at stays so. */
const PASSING_CODES: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE", "ETIMEDOUT", "EAI_AGAIN", "UND_ERR_SOCKET"]);

/** fetch says only "fetch failed"; what lies beneath says why: ENOTFOUND, ECONNREFUSED, a certificate. */
function failureOf(error: unknown): Error {
  const cause: unknown =
    error instanceof Error || (typeof error === "object" && error !== null && "cause" in error)
      ? error.cause
      : undefined;
  const inner = cause ?? error;
  const field = (name: "message" | "code"): string => {
    if (typeof inner !== "object" || inner === null || !(name in inner)) return "";
    const value = (inner as Readonly<Record<string, unknown>>)[name];
    return typeof value === "string" ? value : "";
  };
  const code = field("code");
  const said = field("message") === "" ? "the connection failed" : field("message");
  const reason = code === "" || said.includes(code) ? said : `${said} (${code})`;
  if (PASSING_CODES.has(code) || code.startsWith("UND_ERR_") || said === "terminated") {
    return Object.assign(new PassingFailure(reason), { cause: error });
  }
  return new UnreachableServer(reason, error);
}
