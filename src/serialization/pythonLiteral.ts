/** A Python literal in plain JavaScript: a tuple and a list are arrays, a dict a Map; undefined where the text is none. */
export type PythonLiteral =
  null | boolean | number | string | readonly PythonLiteral[] | ReadonlyMap<string, PythonLiteral>;

const TOKEN = /\s*(?:([[\](){}:,])|(-?\d+)L?|(True|False|None)|[bu]?'((?:[^'\\]|\\.)*)'|[bu]?"((?:[^"\\]|\\.)*)"|($))/y;

/** Deeper than this no header is. */
const MAX_DEPTH = 32;

/** Parse the literals that numpy's headers are made of: strings, whole numbers, True, None, tuples, lists and dicts. */
export function parsePythonLiteral(text: string): PythonLiteral | undefined {
  const reader = new LiteralReader(text);
  const value = reader.value(0);
  return value === undefined || reader.next() !== "" ? undefined : value;
}

class LiteralReader {
  readonly #text: string;
  #at = 0;
  /** The literal that the last token is, where it is one. */
  #literal: PythonLiteral | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  /** The next token: a mark, "literal", "" at the end, undefined where there is none. */
  next(): string | undefined {
    TOKEN.lastIndex = this.#at;
    const match = TOKEN.exec(this.#text);
    if (match === null) return undefined;
    this.#at = TOKEN.lastIndex;
    const [, mark, digits, word, single, double, end] = match;
    if (mark !== undefined) return mark;
    if (end !== undefined) return "";
    if (digits !== undefined) this.#literal = Number(digits);
    else if (word !== undefined) this.#literal = word === "None" ? null : word === "True";
    else this.#literal = (single ?? double ?? "").replace(/\\(.)/g, "$1");
    return "literal";
  }

  value(depth: number, token = this.next()): PythonLiteral | undefined {
    if (depth > MAX_DEPTH) return undefined;
    if (token === "literal") return this.#literal;
    if (token === "(" || token === "[") return this.#sequence(token === "(" ? ")" : "]", depth);
    return token === "{" ? this.#dict(depth) : undefined;
  }

  #sequence(close: string, depth: number): readonly PythonLiteral[] | undefined {
    const items: PythonLiteral[] = [];
    for (let token = this.next(); token !== close; token = this.next()) {
      const item = this.value(depth + 1, token);
      if (item === undefined) return undefined;
      items.push(item);
      const after = this.next();
      if (after === close) break;
      if (after !== ",") return undefined;
    }
    return items;
  }

  #dict(depth: number): ReadonlyMap<string, PythonLiteral> | undefined {
    const members = new Map<string, PythonLiteral>();
    for (let token = this.next(); token !== "}"; token = this.next()) {
      const key = this.value(depth + 1, token);
      if (typeof key !== "string" || this.next() !== ":") return undefined;
      const item = this.value(depth + 1);
      if (item === undefined) return undefined;
      members.set(key, item);
      const after = this.next();
      if (after === "}") break;
      if (after !== ",") return undefined;
    }
    return members;
  }
}
