/** Tokens told apart: options of the config with their values, and words that stand alone. */
export interface SplitTokens {
  readonly overrides: readonly string[];
  readonly words: readonly string[];
}

/**
 * Tell `--trainer.max_epochs 3` and `--trainer.max_epochs=3` from words of their own, such as a checkpoint's path. A
 * name without `=` takes the token after it, unless that is a name too: a value may well begin with one dash (-1).
 */
export function splitOverrides(tokens: readonly string[]): SplitTokens {
  const overrides: string[] = [];
  const words: string[] = [];
  let awaitsValue = false;
  for (const token of tokens) {
    const isName = token.startsWith("--");
    if (isName || awaitsValue) overrides.push(token);
    else words.push(token);
    awaitsValue = isName && !token.includes("=");
  }
  return { overrides, words };
}
