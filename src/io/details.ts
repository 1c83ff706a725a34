/** Hears what a run does beneath: a topic of one word, and the rest of the line. */
export type DetailListener = (topic: string, text: string) => void;

let listener: DetailListener | undefined;

/** Let `listen` hear of details until the function that this gives is called: `--verbose` does. */
export function listenToDetails(listen: DetailListener): () => void {
  const before = listener;
  listener = listen;
  return () => {
    listener = before;
  };
}

/** Tell a detail to whoever listens; the text is made only then. */
export function detail(topic: string, text: () => string): void {
  listener?.(topic, text());
}
