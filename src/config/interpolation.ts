import { nearest } from "../nearest.js";
import type { Complaints } from "./complaints.js";
import { dotted } from "./complaints.js";
import type { ConfigNode, ConfigPath, Entry, MapNode, ScalarNode } from "./configNode.js";
import { nodeAt } from "./configNode.js";
import { readOverrideValue } from "./readYaml.js";

/** Variables of the environment by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The config with every `${...}` replaced, as OmegaConf does for LightningCLI: `${data.init_args.batch_size}` and
 * `${data.batch_size}` are another key's value, `${.lr}` a sibling's, `${oc.env:NAME,default}` a variable of the
 * environment; `\${` is a plain `${`. What a checkpoint's config says was resolved when it was written, and stays.
 */
export function resolveInterpolations(root: MapNode, environment: Environment, complaints: Complaints): MapNode {
  const resolved = new Interpolator(root, environment, complaints).resolve(root, []);
  return resolved.kind === "map" ? resolved : root;
}

/** Innermost first: no `${` stands between the braces. A backslash before it takes its meaning away. */
const INNERMOST = /(?<!\\)\$\{((?:(?!\$\{)[^}])*)\}/;

class Interpolator {
  readonly #root: MapNode;
  readonly #environment: Environment;
  readonly #complaints: Complaints;
  /** Keys that are being looked up: one that turns up again refers to itself. */
  readonly #open: string[] = [];

  constructor(root: MapNode, environment: Environment, complaints: Complaints) {
    this.#root = root;
    this.#environment = environment;
    this.#complaints = complaints;
  }

  resolve(node: ConfigNode, path: ConfigPath): ConfigNode {
    switch (node.kind) {
      case "map": {
        const entries = [...node.entries].map(([key, entry]): [string, Entry] => [
          key,
          { ...entry, node: this.resolve(entry.node, [...path, key]) },
        ]);
        return { ...node, entries: new Map(entries) };
      }
      case "list":
        return { ...node, items: node.items.map((item, index) => this.resolve(item, [...path, index])) };
      case "scalar":
        return typeof node.value === "string" && node.value.includes("${") && node.origin.kind !== "checkpoint"
          ? this.#text(node, node.value, path)
          : node;
      default:
        node satisfies never;
        throw new TypeError("unreachable");
    }
  }

  #text(node: ScalarNode, text: string, path: ConfigPath): ConfigNode {
    const name = dotted(path);
    if (this.#open.includes(name)) {
      this.#complaints.add(node.origin, name, `refers to itself: ${[...this.#open, name].join(" -> ")}`);
      return { kind: "scalar", origin: node.origin, value: null };
    }
    this.#open.push(name);
    try {
      return this.#replaced(node, text, path);
    } finally {
      this.#open.pop();
    }
  }

  #replaced(node: ScalarNode, text: string, path: ConfigPath): ConfigNode {
    let rest = text;
    for (;;) {
      const match = INNERMOST.exec(rest);
      if (match === null) break;
      const value = this.#value(match[1] ?? "", node, path);
      if (value === undefined) return { kind: "scalar", origin: node.origin, value: null }; // a complaint was made
      if (match[0] === rest) return { ...value, origin: node.origin };
      if (value.kind !== "scalar") {
        this.#complaints.add(node.origin, dotted(path), `${match[0]} is a ${value.kind}, and stands inside a text`);
        return { kind: "scalar", origin: node.origin, value: null };
      }
      const word = value.raw ?? String(value.value);
      rest = rest.slice(0, match.index) + word + rest.slice(match.index + match[0].length);
    }
    if (/(?<!\\)\$\{/.test(rest)) {
      this.#complaints.add(node.origin, dotted(path), `\${ is not closed by a } in ${JSON.stringify(text)}`);
    }
    return { kind: "scalar", origin: node.origin, value: rest.replaceAll("\\${", "${") };
  }

  #value(reference: string, node: ScalarNode, path: ConfigPath): ConfigNode | undefined {
    const resolver = /^([A-Za-z_][\w.]*):([^]*)$/.exec(reference);
    if (resolver === null) return this.#key(reference.trim(), node, path);
    const [, name = "", argument = ""] = resolver;
    if (name === "oc.env") return this.#variable(argument, node, path);
    this.#complaints.add(
      node.origin,
      dotted(path),
      `\${${reference}}: there is no resolver ${name}; there is oc.env, as in \${oc.env:NAME,default}`,
    );
    return undefined;
  }

  #variable(argument: string, node: ScalarNode, path: ConfigPath): ConfigNode | undefined {
    const comma = argument.indexOf(",");
    const name = (comma === -1 ? argument : argument.slice(0, comma)).trim();
    const text = this.#environment[name] ?? (comma === -1 ? undefined : argument.slice(comma + 1).trim());
    if (text !== undefined) return readOverrideValue(text, node.origin);
    this.#complaints.add(
      node.origin,
      dotted(path),
      `the environment variable ${name} is not set; set it, or write \${oc.env:${name},DEFAULT}`,
    );
    return undefined;
  }

  #key(reference: string, node: ScalarNode, path: ConfigPath): ConfigNode | undefined {
    const dots = /^\.*/.exec(reference)?.[0].length ?? 0;
    const start = dots === 0 ? [] : path.slice(0, Math.max(path.length - dots, 0));
    const words = reference
      .slice(dots)
      .split(/\.|\[|\]\.?/)
      .filter((word) => word !== "");
    const found = this.#find([...start, ...words]);
    if (found !== undefined) return this.resolve(found.node, found.path);
    const parent = this.#find([...start, ...words.slice(0, -1)])?.node;
    const known = parent?.kind === "map" ? keysOf(parent) : [...this.#root.entries.keys()];
    const near = nearest(words.at(-1) ?? "", known);
    this.#complaints.add(
      node.origin,
      dotted(path),
      `\${${reference}} names no key of this config${near === undefined ? "" : `; did you mean ${near}?`}`,
    );
    return undefined;
  }

  /** A key's node; `init_args` may be left out, as on the command line. */
  #find(words: ConfigPath): { readonly node: ConfigNode; readonly path: ConfigPath } | undefined {
    const path: (string | number)[] = [];
    let node: ConfigNode | undefined = this.#root;
    for (const word of words) {
      const within: ConfigNode | undefined = nodeAt(node, [word]);
      if (within === undefined) path.push("init_args");
      node = within ?? nodeAt(node, ["init_args", word]);
      path.push(word);
      if (node === undefined) return undefined;
    }
    return { node, path };
  }
}

function keysOf(map: MapNode): string[] {
  const initArgs = map.entries.get("init_args")?.node;
  return [...map.entries.keys(), ...(initArgs?.kind === "map" ? initArgs.entries.keys() : [])];
}
