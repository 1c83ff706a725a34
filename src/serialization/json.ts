/** JSON as a safetensors header may hold it: objects are Maps, so that every name is an ordinary key. */
export type Json = null | boolean | JsonNumber | string | readonly Json[] | ReadonlyMap<string, Json>;

/** A number as it is spelled: 1.0 and 1 are told apart, and nothing is rounded. */
export class JsonNumber {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** What is wrong with a JSON text, and at which character. */
export class JsonError extends Error {
  override readonly name = "JsonError";
  readonly at: number;
  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

const TOKEN = /[{}[\],:]|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|$/y;
const SPACE = /[ \t\n\r]*/y;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const FIRST_PRINTABLE = 0x20;

/** Deeper than this there is nothing in any header. */
const MAX_DEPTH = 16;

/** Parse JSON strictly: a member named twice is an error, where JSON.parse would silently keep the last. */
export function parseJson(text: string): Json {
  const reader = new TokenReader(text);
  const value = readValue(reader, reader.next(), 0);
  if (reader.next() !== "") throw reader.error("more text after the end");
  return value;
}

class TokenReader {
  readonly #text: string;
  #at = 0;
  constructor(text: string) {
    this.#text = text;
  }
  /** The next token as it is spelled; "" at the end. */
  next(): string {
    SPACE.lastIndex = this.#at;
    SPACE.test(this.#text);
    this.#at = SPACE.lastIndex;
    if (this.#text.charCodeAt(this.#at) === QUOTE) return this.#string();
    TOKEN.lastIndex = this.#at;
    const match = TOKEN.exec(this.#text);
    if (match === null) throw this.error("not JSON");
    this.#at = TOKEN.lastIndex;
    return match[0];
  }
  /** A string with its quotes. By hand: a regular expression gives up on a very long one. */
  #string(): string {
    let end = this.#at + 1;
    for (let unit = this.#text.charCodeAt(end); unit !== QUOTE; unit = this.#text.charCodeAt(end)) {
      if (!(unit >= FIRST_PRINTABLE)) throw this.error("a string that does not end, or holds a control character");
      end += unit === BACKSLASH ? 2 : 1;
    }
    const token = this.#text.slice(this.#at, end + 1);
    this.#at = end + 1;
    return token;
  }
  error(message: string): JsonError {
    return new JsonError(message, this.#at);
  }
}

function readValue(reader: TokenReader, token: string, depth: number): Json {
  if (depth > MAX_DEPTH) throw reader.error(`more than ${MAX_DEPTH} levels`);
  const first = token[0] ?? "";
  if (first === "{") return readObject(reader, depth);
  if (first === "[") return readArray(reader, depth);
  if (first === '"') return readString(reader, token);
  if (/[-\d]/.test(first)) return new JsonNumber(token);
  if (token === "true" || token === "false") return token === "true";
  if (token === "null") return null;
  throw reader.error(token === "" ? "it ends too early" : `a value expected, found "${token}"`);
}

function readString(reader: TokenReader, token: string): string {
  if (!token.includes("\\")) return token.slice(1, -1);
  try {
    return JSON.parse(token) as string;
  } catch {
    throw reader.error("a string with an escape that JSON does not have");
  }
}

function readObject(reader: TokenReader, depth: number): ReadonlyMap<string, Json> {
  const members = new Map<string, Json>();
  let token = reader.next();
  if (token === "}") return members;
  for (;;) {
    if (!token.startsWith('"')) throw reader.error(`a name expected, found "${token}"`);
    const name = readString(reader, token);
    if (members.has(name)) throw reader.error(`"${name}" is there twice`);
    if (reader.next() !== ":") throw reader.error(`":" expected after "${name}"`);
    members.set(name, readValue(reader, reader.next(), depth + 1));
    const after = reader.next();
    if (after === "}") return members;
    if (after !== ",") throw reader.error(`"," or "}" expected, found "${after}"`);
    token = reader.next();
  }
}

function readArray(reader: TokenReader, depth: number): readonly Json[] {
  const items: Json[] = [];
  let token = reader.next();
  if (token === "]") return items;
  for (;;) {
    items.push(readValue(reader, token, depth + 1));
    const after = reader.next();
    if (after === "]") return items;
    if (after !== ",") throw reader.error(`"," or "]" expected, found "${after}"`);
    token = reader.next();
  }
}
