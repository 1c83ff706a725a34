import { LtrainError } from "../errors.js";
import { regexPattern } from "./namePattern.js";

/** One `--rename FROM=TO`. */
export interface RenameRule {
  /** As it was written, for complaints. */
  readonly text: string;
  /** The new name; undefined when the rule does not concern this one. */
  readonly apply: (name: string) => string | undefined;
}

const REGEX = /^\/((?:\\.|[^/\\])+)\/=(.*)$/su;

/**
 * A rule from `FROM=TO`. FROM is the whole name of a tensor, or a module with all that lies under it (`encoder=backbone`
 * makes `encoder.0.weight` `backbone.0.weight`); with a dot at its end it is a prefix of any kind (`model.=`). Between
 * slashes it is a regular expression, replaced wherever it is found in a name, with $1 or \\1 for its groups.
 */
export function parseRenameRule(text: string): RenameRule {
  const regex = REGEX.exec(text);
  if (regex !== null) return regexRule(text, regex[1] ?? "", regex[2] ?? "");
  const equals = text.indexOf("=");
  if (equals <= 0) {
    throw new LtrainError("usage.invalid", `--rename takes FROM=TO, and got "${text}"`, {
      hint: "for example --rename encoder=backbone, or --rename '/^model\\.(\\d+)/=layers.$1'",
    });
  }
  return plainRule(text, text.slice(0, equals), text.slice(equals + 1));
}

function plainRule(text: string, from: string, to: string): RenameRule {
  const isPrefix = from.endsWith(".");
  const newPrefix = isPrefix || to === "" ? to : `${to}.`;
  return {
    text,
    apply: (name) => {
      if (!isPrefix && name === from) return to;
      const prefix = isPrefix ? from : `${from}.`;
      return name.startsWith(prefix) ? `${newPrefix}${name.slice(prefix.length)}` : undefined;
    },
  };
}

function regexRule(text: string, source: string, to: string): RenameRule {
  const pattern = new RegExp(regexPattern(source.replaceAll("\\/", "/")).source, "gu");
  const replacement = to.replace(/\\(\d)/g, "$$$1"); // Python's and sed's spelling of a group
  return {
    text,
    apply: (name) => {
      pattern.lastIndex = 0;
      if (!pattern.test(name)) return undefined;
      return name.replace(pattern, replacement);
    },
  };
}
