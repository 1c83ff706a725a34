/**
 * The key of a callback's state: the class name and a Python dict's repr, `fields` being names and reprs. One character
 * off, and Lightning drops the state without a word.
 */
export function stateKeyOf(className: string, fields: readonly (readonly [name: string, repr: string])[]): string {
  return `${className}{${fields.map(([name, repr]) => `'${name}': ${repr}`).join(", ")}}`;
}
