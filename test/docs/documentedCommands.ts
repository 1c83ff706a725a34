/** A command that a page tells its reader to type, and what the page shows of its output. */
export interface DocumentedCommand {
  readonly line: number;
  readonly command: string;
  /** Of a block in which commands begin with "$ "; empty: nothing is shown. */
  readonly output: readonly string[];
}

const SHELLS = ["sh", "bash", "shell", "console", "text", ""];

/**
 * The commands in a page's fenced blocks: in a block of shell every line, or the whole block where it is a script; in any
 * other block the lines behind "$ ", with what follows as their output.
 */
export function documentedCommands(markdown: string): DocumentedCommand[] {
  const found: DocumentedCommand[] = [];
  for (const { language, line, lines } of fencedBlocks(markdown)) {
    if (!SHELLS.includes(language)) continue;
    if (lines.some((text) => text.startsWith("$ "))) found.push(...sessionOf(lines, line));
    else if (["sh", "bash", "shell"].includes(language)) found.push(...scriptOf(lines, line));
  }
  return found;
}

interface Block {
  readonly language: string;
  /** Of its first line in the page, counted from 1. */
  readonly line: number;
  readonly lines: readonly string[];
}

function fencedBlocks(markdown: string): Block[] {
  const blocks: Block[] = [];
  let open: { language: string; line: number; lines: string[] } | undefined;
  for (const [i, text] of markdown.split("\n").entries()) {
    const fence = /^```(\S*)/.exec(text);
    if (fence === null) open?.lines.push(text);
    else if (open === undefined) open = { language: fence[1] ?? "", line: i + 2, lines: [] };
    else {
      blocks.push(open);
      open = undefined;
    }
  }
  return blocks;
}

function sessionOf(lines: readonly string[], first: number): DocumentedCommand[] {
  const found: { line: number; command: string; output: string[] }[] = [];
  for (const [i, text] of lines.entries()) {
    const last = found.at(-1);
    if (text.startsWith("$ ")) found.push({ line: first + i, command: text.slice(2), output: [] });
    else if (last?.command.endsWith("\\") === true) last.command = `${last.command}\n${text}`;
    else last?.output.push(text);
  }
  return found;
}

function scriptOf(lines: readonly string[], first: number): DocumentedCommand[] {
  if (lines[0]?.startsWith("#!") === true) return [{ line: first, command: lines.join("\n"), output: [] }];
  return lines.flatMap((text, i) =>
    text.trim() === "" || text.startsWith("#") ? [] : [{ line: first + i, command: text, output: [] }],
  );
}

/** Sizes, times and other numbers that another machine or hour makes other ones. */
const NUMBER = /-?[\d][\d.,:]*(?:e[+-]?\d+)?(?: ?(?:ms|s|B|[KMGT]iB)\b)?/g;

/** Text as it is compared: what is only layout counts as one space, and numbers as one another where they vary. */
export function comparable(text: string, numbersVary: boolean): string {
  const plain = text.replace(/\s+/g, " ").trim();
  return numbersVary ? plain.replace(NUMBER, "#") : plain;
}

/** The lines a page shows that are not in the output; "..." stands for any. */
export function missingLines(shown: readonly string[], output: string, numbersVary: boolean): string[] {
  const all = comparable(output, numbersVary);
  return shown.filter((line) => {
    const text = comparable(line.replace(/\s*\.\.\.\s*$/, ""), numbersVary);
    return !all.includes(text);
  });
}
