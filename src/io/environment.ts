import { availableParallelism, hostname } from "node:os";

/** Threads that can run at the same time here. */
export function availableThreads(): number {
  return availableParallelism();
}

/** Set a variable of the process's environment for native libraries that read it, unless the user has set it. */
export function setEnvironmentDefault(name: string, value: string): void {
  process.env[name] ??= value;
}

/** Every variable of the process's environment. */
export function environmentVariables(): Readonly<Record<string, string | undefined>> {
  return process.env;
}

/** What the user has set a variable to. */
export function setting(name: string): string | undefined {
  return process.env[name];
}

/** Which process of which machine this is, for the names of files that several may write side by side. */
export function processIdentity(): { readonly host: string; readonly pid: number } {
  return { host: hostname(), pid: process.pid };
}
