import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

/** Modules or their exports, by name. */
type Modules = Readonly<Record<string, unknown>>;

/** What a user's file may import without installing anything: ltrain by its public names. */
const OWN_NAMES = ["ltrain", "ltrain/nn", "ltrain/optim", "ltrain/data", "ltrain/callbacks", "ltrain/checkpoint"];

const loaded = new Map<string, Promise<Modules>>();

/**
 * Import a file of the user's, a path or a URL, with TypeScript and `ltrain` itself resolved to this running instance.
 * Each file is imported once, so that two class_paths into it share its classes.
 */
export function importUserFile(place: string): Promise<Modules> {
  const file = place.startsWith("file:") ? fileURLToPath(place) : place;
  const before = loaded.get(file);
  if (before !== undefined) return before;
  const promise = importFresh(file);
  loaded.set(file, promise);
  return promise;
}

/**
 * The running instance under its own name: were `ltrain` imported a second time, a user's LightningModule would extend
 * a class that is not ours.
 */
export async function loadOwnModules(): Promise<Modules> {
  const modules: Record<string, unknown> = {};
  for (const name of OWN_NAMES) modules[name] = await import(name);
  return modules;
}

async function importFresh(file: string): Promise<Modules> {
  const { createJiti } = await import("jiti");
  const own = { ...(await loadOwnModules()) };
  // For `static initArgs`, where the user has none installed.
  if (!canResolve("zod", file)) own["zod"] = await import("zod");
  const url = pathToFileURL(file).href;
  // Lines stay where they are, so that an error's stack names the user's own.
  const transformOptions = { retainLines: true };
  const jiti = createJiti(url, { virtualModules: own, interopDefault: false, fsCache: false, transformOptions });
  return await jiti.import(file);
}

function canResolve(name: string, from: string): boolean {
  try {
    createRequire(from).resolve(name);
    return true;
  } catch {
    return false;
  }
}
