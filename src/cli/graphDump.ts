import type { Compilation } from "../engine/executor.js";
import { printGraph } from "../engine/graph.js";
import { writeTextAtomically } from "../io/textFile.js";

/** What `--dump-graph` writes: every graph of the run, in the order in which they were compiled. */
export class GraphDump {
  readonly #path: string;
  #text = "";
  #written: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** Add a graph; the file is whole after each, also when the run fails later. */
  add({ name, graph }: Compilation): void {
    const title = `# ${name}: ${graph.nodes.length} operators`;
    this.#text += `${this.#text === "" ? "" : "\n"}${title}\n${printGraph(graph)}`;
    const text = this.#text;
    const write = this.#written.then(() => writeTextAtomically(this.#path, text));
    write.catch(() => undefined); // told by end
    this.#written = write;
  }

  /** Wait until all is written; false when there was nothing. */
  async end(): Promise<boolean> {
    await this.#written;
    return this.#text !== "";
  }
}
