import type { ScalarStyle } from "./yamlScalar.js";

/** A line is folded at the first chance after this column: PyYAML's best_width. */
const BEST_WIDTH = 80;
const BREAKS = "\n\u0085\u2028\u2029";

const ESCAPES: Readonly<Record<string, string>> = {
  "\0": "0",
  "\x07": "a",
  "\x08": "b",
  "\t": "t",
  "\n": "n",
  "\x0b": "v",
  "\f": "f",
  "\r": "r",
  "\x1b": "e",
  '"': '"',
  "\\": "\\",
  "\u0085": "N",
  "\u00a0": "_",
  "\u2028": "L",
  "\u2029": "P",
};

/** Text with a column: puts indents, indicators and scalars where PyYAML's emitter puts them. */
export class YamlWriter {
  #text = "";
  #column = 0;
  /** Whether the last thing written lets the next one follow without a space. */
  #afterSpace = true;
  /** Whether nothing but indents and "-" stand on this line so far. */
  #inIndent = true;

  get text(): string {
    return this.#text;
  }

  /** Begin a line at `indent`, unless this line can still be it, as after "- ". */
  indent(indent: number): void {
    if (!this.#inIndent || this.#column > indent || (this.#column === indent && !this.#afterSpace)) this.#break();
    if (this.#column < indent) {
      this.#put(" ".repeat(indent - this.#column));
      this.#afterSpace = true;
    }
  }

  indicator(mark: string, options: { readonly glued?: boolean; readonly keepsIndent?: boolean } = {}): void {
    this.#put(this.#afterSpace || options.glued === true ? mark : ` ${mark}`);
    this.#afterSpace = false;
    this.#inIndent = this.#inIndent && options.keepsIndent === true;
  }

  /** A scalar whose further lines stand at `indent`; a key is never folded. */
  scalar(text: string, style: ScalarStyle, indent: number, fold: boolean): void {
    const characters = Array.from(text);
    if (style === "plain") {
      if (characters.length === 0) return;
      if (!this.#afterSpace) this.#put(" ");
      this.#enterScalar();
      this.#foldable(characters, indent, fold, false);
    } else if (style === "single") {
      this.indicator("'");
      this.#foldable(characters, indent, fold, true);
      this.indicator("'", { glued: true });
    } else {
      this.indicator('"');
      this.#doubleQuoted(characters, indent, fold);
      this.indicator('"', { glued: true });
    }
  }

  /** The end of the document: one line end. */
  finish(): string {
    if (this.#column > 0) this.#break();
    return this.#text;
  }

  #enterScalar(): void {
    this.#afterSpace = false;
    this.#inIndent = false;
  }

  #put(text: string): void {
    this.#text += text;
    this.#column += Array.from(text).length;
  }

  #break(mark = "\n"): void {
    this.#text += mark;
    this.#column = 0;
    this.#afterSpace = true;
    this.#inIndent = true;
  }

  /** Plain and single-quoted text: words, a fold where a single space stands past the width, breaks doubled. */
  #foldable(characters: readonly string[], indent: number, fold: boolean, quoted: boolean): void {
    for (const run of runsOf(characters)) {
      if (run.kind === "words") this.#put(quoted ? run.text.replaceAll("'", "''") : run.text);
      else if (run.kind === "spaces") {
        const inner = !quoted || (run.start !== 0 && run.end !== characters.length);
        if (run.end - run.start === 1 && this.#column > BEST_WIDTH && fold && inner) this.#continueAt(indent);
        else this.#put(run.text);
      } else {
        if (run.text.startsWith("\n")) this.#break();
        for (const mark of run.text) this.#break(mark);
        this.#continueAt(indent);
      }
    }
  }

  #continueAt(indent: number): void {
    this.indent(indent);
    this.#enterScalar();
  }

  #doubleQuoted(characters: readonly string[], indent: number, fold: boolean): void {
    let pending = "";
    const flush = (): void => {
      this.#put(pending);
      pending = "";
    };
    characters.forEach((character, i) => {
      const escaped = escape(character);
      if (escaped !== undefined) {
        flush();
        this.#put(escaped);
      }
      const inner = i > 0 && i < characters.length - 1;
      const mayFold = inner && (character === " " || escaped !== undefined || pending === "");
      // PyYAML counts from behind an escape that it has just written: one column less.
      const width = this.#column + (escaped === undefined ? pending.length : -1);
      if (mayFold && width > BEST_WIDTH && fold) {
        this.#put(`${pending}\\`);
        pending = "";
        this.#continueAt(indent);
        const next = escaped === undefined ? character : characters[i + 1];
        if (next === " ") this.#put("\\");
      }
      if (escaped === undefined) pending += character;
    });
    flush();
  }
}

function escape(character: string): string | undefined {
  if (character >= " " && character <= "~" && character !== '"' && character !== "\\") return undefined;
  const short = ESCAPES[character];
  if (short !== undefined) return `\\${short}`;
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16).toUpperCase();
  if (code <= 0xff) return `\\x${hex.padStart(2, "0")}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

interface Run {
  readonly kind: "words" | "spaces" | "breaks";
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

function runsOf(characters: readonly string[]): Run[] {
  const kindOf = (character: string): Run["kind"] =>
    character === " " ? "spaces" : BREAKS.includes(character) ? "breaks" : "words";
  const runs: Run[] = [];
  let start = 0;
  characters.forEach((character, i) => {
    const kind = kindOf(character);
    if (i + 1 < characters.length && kindOf(characters[i + 1] ?? "") === kind) return;
    runs.push({ kind, text: characters.slice(start, i + 1).join(""), start, end: i + 1 });
    start = i + 1;
  });
  return runs;
}
