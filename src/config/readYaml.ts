import type { Alias, Document, Node, Scalar as YamlScalar, YAMLMap } from "yaml";
import { LineCounter, isAlias, isMap, isPair, isScalar, isSeq, parseDocument } from "yaml";
import { Complaints } from "./complaints.js";
import type { ConfigNode, Entry, ScalarNode } from "./configNode.js";
import type { Origin } from "./origin.js";

/** An alias may repeat an anchor; ten nested ones could repeat it a billion times. */
const MAX_NODES = 100_000;

/** A YAML (or JSON) text as nodes that know their line and column; what is not YAML becomes complaints. */
export function readYaml(text: string, path: string, complaints: Complaints): ConfigNode | undefined {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: false });
  const originAt = (offset: number | undefined): Origin => {
    const { line, col } = lines.linePos(offset ?? 0);
    return { kind: "file", path, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  for (const error of document.errors) {
    complaints.add(originAt(error.pos[0]), "", `this is not YAML: ${lowerFirst(error.message)}`);
  }
  if (document.errors.length > 0) return undefined;
  return new NodeReader(document, originAt, complaints).read(document.contents);
}

/** One word of the command line as a YAML value; what is not YAML is a string: `{epoch}: #1` is a file name. */
export function readOverrideValue(raw: string, origin: Origin): ConfigNode {
  const text: ConfigNode = { kind: "scalar", origin, raw, value: raw };
  const document = parseDocument(raw, { prettyErrors: false, logLevel: "error" });
  if (document.errors.length > 0) return text;
  const complaints = new Complaints();
  const node = new NodeReader(document, () => origin, complaints).read(document.contents);
  return complaints.count === 0 ? { ...node, raw } : text;
}

/** Walks the parsed document; every node keeps the place where it starts. */
class NodeReader {
  readonly #document: Document;
  readonly #originAt: (offset: number | undefined) => Origin;
  readonly #complaints: Complaints;
  #nodes = 0;

  constructor(document: Document, originAt: (offset: number | undefined) => Origin, complaints: Complaints) {
    this.#document = document;
    this.#originAt = originAt;
    this.#complaints = complaints;
  }

  read(node: unknown, at?: number): ConfigNode {
    this.#nodes += 1;
    const offset = (node as Node | null)?.range?.[0] ?? at;
    const origin = this.#originAt(offset);
    if (this.#nodes > MAX_NODES) {
      if (this.#nodes === MAX_NODES + 1)
        this.#complaints.add(origin, "", `more than ${MAX_NODES} values in one config`);
      return { kind: "scalar", origin, value: null };
    }
    if (isAlias(node)) return this.#readAlias(node, origin);
    if (isMap(node)) return { kind: "map", origin, entries: this.#readEntries(node) };
    if (isSeq(node)) return { kind: "list", origin, items: node.items.map((item) => this.read(item, offset)) };
    if (isScalar(node)) return this.#readScalar(node, origin);
    return { kind: "scalar", origin, value: null };
  }

  #readAlias(alias: Alias, origin: Origin): ConfigNode {
    const target = alias.resolve(this.#document);
    if (target !== undefined) return this.read(target);
    this.#complaints.add(origin, "", `no anchor &${alias.source} stands before the alias *${alias.source}`);
    return { kind: "scalar", origin, value: null };
  }

  #readEntries(map: YAMLMap): Map<string, Entry> {
    const entries = new Map<string, Entry>();
    for (const pair of map.items as readonly unknown[]) {
      if (!isPair(pair)) continue;
      const { key, value } = pair;
      const keyOffset = (key as Node | null)?.range?.[0];
      const keyOrigin = this.#originAt(keyOffset);
      if (!isScalar(key) || key.value === null) {
        this.#complaints.add(keyOrigin, "", "a key must be a word");
        continue;
      }
      const node = this.read(value, keyOffset);
      if (key.value === "<<") this.#mergeInto(entries, node);
      else entries.set(key.source ?? JSON.stringify(key.value), { keyOrigin, node });
    }
    return entries;
  }

  /** YAML's merge key: what it brings gives way to what is written. */
  #mergeInto(entries: Map<string, Entry>, node: ConfigNode): void {
    const sources = node.kind === "list" ? node.items : [node];
    for (const source of sources) {
      if (source.kind !== "map") this.#complaints.add(source.origin, "<<", "expected a mapping to merge");
      else for (const [key, entry] of source.entries) if (!entries.has(key)) entries.set(key, entry);
    }
  }

  #readScalar(scalar: YamlScalar, origin: Origin): ScalarNode {
    const { value } = scalar;
    if (typeof value === "number") {
      return {
        kind: "scalar",
        origin,
        value,
        ...(/^[-+]?(0x|0o)?[0-9a-f]+$/i.test(scalar.source ?? "") ? {} : { isFloat: true }),
      };
    }
    if (typeof value === "bigint") return { kind: "scalar", origin, value: Number(value) };
    if (value === null || typeof value === "boolean" || typeof value === "string")
      return { kind: "scalar", origin, value };
    return { kind: "scalar", origin, value: scalar.source ?? JSON.stringify(value) };
  }
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
