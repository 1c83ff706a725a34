/** How a YAML scalar is written on the page. */
export type ScalarStyle = "plain" | "single" | "double";

/** Plain text that YAML 1.1 would read as something other than a string, by its first character as PyYAML looks it up. */
const NOT_A_STRING: readonly (readonly [RegExp, RegExp])[] = [
  [/^[yntfo]/i, /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/],
  [
    /^[-+0-9.]/,
    /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/,
  ],
  [
    /^[-+0-9]/,
    /^(?:[-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$/,
  ],
  [/^(?:[~nN]|$)/, /^(?:~|null|Null|NULL|)$/],
  [
    /^[0-9]/,
    /^(?:\d{4}-\d\d-\d\d|\d{4}-\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?)$/,
  ],
  [/^[<=!&*]/, /^(?:<<|=|!|&|\*)$/],
];

const BREAKS = "\n\u0085\u2028\u2029";
const BLANKS = `\0 \t\r${BREAKS}`;

/** The style PyYAML chooses for a string in block context. */
export function styleOf(text: string): ScalarStyle {
  const { plain, single } = analyze(text);
  const isString = !NOT_A_STRING.some(([first, all]) => first.test(text) && all.test(text));
  if (isString && plain) return "plain";
  return single ? "single" : "double";
}

interface Analysis {
  /** May stand without quotes in block context. */
  readonly plain: boolean;
  readonly single: boolean;
}

function analyze(text: string): Analysis {
  if (text === "") return { plain: true, single: true };
  const characters = Array.from(text);
  let indicators = text.startsWith("---") || text.startsWith("...");
  let multiline = false;
  let special = false;
  let spaceAfterBreak = false;
  let breakAfterSpace = false;
  for (const [i, character] of characters.entries()) {
    const before = characters[i - 1];
    const after = characters[i + 1];
    const endsWord = after === undefined || BLANKS.includes(after);
    const startsWord = before === undefined || BLANKS.includes(before);
    if (i === 0) {
      if ("#,[]{}&*!|>'\"%@`".includes(character)) indicators = true;
      if ("?:-".includes(character) && endsWord) indicators = true;
    } else if ((character === ":" && endsWord) || (character === "#" && startsWord)) indicators = true;
    if (BREAKS.includes(character)) {
      multiline = true;
      if (before === " ") breakAfterSpace = true;
    }
    // PyYAML writes ASCII: whatever is beyond it needs the escapes of double quotes.
    if (character !== "\n" && !(character >= " " && character <= "~")) special = true;
    if (character === " " && before !== undefined && BREAKS.includes(before)) spaceAfterBreak = true;
  }
  const edges = [characters[0] ?? "", characters.at(-1) ?? ""];
  const blankEdge = edges.some((edge) => edge === " " || BREAKS.includes(edge));
  const single = !spaceAfterBreak && !breakAfterSpace && !special;
  return { plain: single && !blankEdge && !multiline && !indicators, single };
}
