import { arch, platform } from "node:os";
import { environmentVariables } from "../io/environment.js";
import type { ConsoleStream, Terminal } from "../io/console.js";
import { listenToDetails } from "../io/details.js";
import { liveLineOf } from "../io/liveLine.js";
import { printableLines } from "./printable.js";
import { formatBytes } from "./units.js";

/** How much is said on stderr: nothing but failures, what a run says anyway, or also how it comes about. */
export type Verbosity = "quiet" | "normal" | "verbose";

/** What the words of a command line ask for; the options may stand anywhere. */
export function verbosityOf(args: readonly string[]): Verbosity {
  if (args.includes("--quiet") || args.includes("-q")) return "quiet";
  return args.includes("--verbose") || args.includes("-v") ? "verbose" : "normal";
}

/** A terminal on which nothing is said: data goes to stdout as ever. */
export function mutedTerminal({ stdout, stderr }: Terminal): Terminal {
  const muted: ConsoleStream = {
    isTTY: false,
    columns: stderr.columns,
    hasColor: false,
    write: () => undefined,
    drained: () => Promise.resolve(true),
  };
  return { stdout, stderr: muted };
}

/** Variables that decide something without being a key of a config, and tell no secret. */
const SETTINGS = ["NO_COLOR", "FORCE_COLOR", "TERM", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "TF_CPP_MIN_LOG_LEVEL"];

/** What a log must not hold. */
const SECRET = /TOKEN|SECRET|PASSWORD|CREDENTIAL|KEY/;

/**
 * Write every detail on stderr with the seconds since the process began, first what runs where, and give a function that
 * tells at the end what it has taken.
 */
export function tellDetails(terminal: Terminal, version: string): (exitCode: number) => void {
  const { stderr } = terminal;
  const say = (topic: string, text: string): void => {
    const line = printableLines(`${process.uptime().toFixed(3).padStart(7)} s  ${topic.padEnd(8)} ${text}`);
    liveLineOf(stderr).print(stderr.hasColor ? `\x1b[2m${line}\x1b[22m` : line); // a progress bar may stand there
  };
  const stop = listenToDetails(say);
  say("ltrain", `${version}, node ${process.version}, ${platform()} ${arch()}`);
  say("cwd", process.cwd());
  const environment = environmentVariables();
  const names = Object.keys(environment).filter((name) => name.startsWith("LTRAIN_") || SETTINGS.includes(name));
  for (const name of names.sort()) say("env", `${name}=${SECRET.test(name) ? "***" : (environment[name] ?? "")}`);
  return (exitCode) => {
    const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
    const cpu = ((userCPUTime + systemCPUTime) / 1e6).toFixed(1);
    say("end", `exit code ${exitCode}, ${cpu} s of CPU, ${formatBytes(maxRSS * 1024)} of memory at most`);
    stop();
  };
}
