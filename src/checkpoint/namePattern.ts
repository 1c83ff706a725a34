import { LtrainError } from "../errors.js";

/**
 * Whether a whole name fits a glob, as in a shell: `*` is any run of characters (dots too: names of tensors have no
 * folders), `?` is one, `[abc]`, `[a-z]` and `[!abc]` are one of a set, `{a,b}` is either.
 */
export function globPattern(glob: string): RegExp {
  try {
    return new RegExp(`^${translate(glob)}$`, "su");
  } catch (error) {
    throw new LtrainError("usage.invalid", `"${glob}" is not a glob: a set like [z-a] is out of order`, {
      cause: error,
    });
  }
}

/** A regular expression that the user wrote; it is searched for anywhere in a name. */
export function regexPattern(source: string): RegExp {
  try {
    return new RegExp(source, "u");
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^Invalid regular expression: /, "") : String(error);
    throw new LtrainError("usage.invalid", `"${source}" is not a regular expression: ${reason}`, {
      hint: "a dot of a name is written \\. ; for * and ? there is a glob",
      cause: error,
    });
  }
}

function translate(glob: string): string {
  let pattern = "";
  let braces = 0;
  for (let at = 0; at < glob.length; at += 1) {
    const character = glob[at] ?? "";
    const set = character === "[" ? /^\[(!?)(\]?[^\]]*)\]/.exec(glob.slice(at)) : null;
    if (set !== null) {
      pattern += `[${set[1] === "!" ? "^" : ""}${(set[2] ?? "").replace(/[\\\]^[]/g, "\\$&")}]`;
      at += set[0].length - 1;
    } else if (character === "*") {
      while (glob[at + 1] === "*") at += 1; // a run of stars is one: ** means nothing more here
      pattern += ".*";
    } else if (character === "?") pattern += ".";
    else if (character === "{" && closesBrace(glob, at)) {
      braces += 1;
      pattern += "(?:";
    } else if (character === "}" && braces > 0) {
      braces -= 1;
      pattern += ")";
    } else if (character === "," && braces > 0) pattern += "|";
    else pattern += character.replace(/[\\^$.*+?()[\]{}|/]/, "\\$&");
  }
  return pattern;
}

/** A brace that is never closed is a character like any other. */
function closesBrace(glob: string, at: number): boolean {
  let depth = 0;
  for (let next = at; next < glob.length; next += 1) {
    if (glob[next] === "{") depth += 1;
    else if (glob[next] === "}") depth -= 1;
    if (depth === 0) return true;
  }
  return false;
}
