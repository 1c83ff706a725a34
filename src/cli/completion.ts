import type { Command, Option } from "commander";
import { TRAINER_KEYS } from "../config/trainerOptions.js";
import { LtrainError } from "../errors.js";
import type { Terminal } from "../io/console.js";
import { nearest } from "../nearest.js";
import { jsonDocument } from "./jsonWriter.js";

/** What `completion` was asked for. */
export interface CompletionOptions {
  readonly shell: string;
  readonly json: boolean;
}

/** One command as a shell completes it. */
interface Completed {
  readonly name: string;
  readonly description: string;
  readonly options: readonly CompletedOption[];
}

interface CompletedOption {
  /** `--config`, and `-o` where there is one. */
  readonly names: readonly string[];
  readonly description: string;
  readonly takesValue: boolean;
  /** What the value may be; empty: a file. */
  readonly values: readonly string[];
}

/** Options whose value is one of a few words. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  "--engine": ["auto", "onnxruntime", "tfjs", "tfjs-node-gpu"],
  "--accelerator": ["auto", "cpu", "gpu"],
  "--precision": ["32-true", "16-mixed", "bf16-mixed", "16-true", "bf16-true"],
  "--dtype": ["float16", "bfloat16", "float32"],
  "--sort": ["file", "epoch", "step", "metric", "size", "date", "state"],
};

const SHELLS = { bash, zsh, fish } as const;

/** `ltrain completion SHELL`: the script that makes a shell complete commands, options and the trainer's keys. */
export function runCompletion({ shell, json }: CompletionOptions, program: Command, terminal: Terminal): number {
  if (!Object.hasOwn(SHELLS, shell)) {
    const near = nearest(shell, Object.keys(SHELLS));
    throw new LtrainError("usage.invalid", `there is no completion for "${shell}"`, {
      hint: near === undefined ? "ltrain completion bash, zsh or fish" : `did you mean ${near}?`,
    });
  }
  const commands = program.commands.map((command) => completed(command, program));
  const script = SHELLS[shell as keyof typeof SHELLS](commands);
  terminal.stdout.write(json ? jsonDocument({ shell, script }) : script);
  return 0;
}

function completed(command: Command, program: Command): Completed {
  const own = [...command.options, ...program.options].map(completedOption);
  const takesConfig = command.options.some(({ long }) => long === "--config");
  const keys = takesConfig ? TRAINER_KEYS.map(trainerKey) : [];
  return { name: command.name(), description: command.description(), options: [...own, HELP, ...keys] };
}

const HELP: CompletedOption = { names: ["--help"], description: "print this help", takesValue: false, values: [] };

const trainerKey = (key: string): CompletedOption => ({
  names: [`--trainer.${key}`],
  description: "a key of the config",
  takesValue: true,
  values: VALUES[`--${key}`] ?? [],
});

function completedOption({ long, short, description, required, optional }: Option): CompletedOption {
  const names = [long, short].filter((name) => typeof name === "string");
  return { names, description, takesValue: required || optional, values: VALUES[long ?? ""] ?? [] };
}

/** A word in single quotes, as every one of the three shells reads it. */
const quoted = (text: string): string => `'${text.replaceAll("'", "")}'`;
const wordsOf = (options: readonly CompletedOption[]): string => options.flatMap(({ names }) => names).join(" ");

function bash(commands: readonly Completed[]): string {
  const words = commands.map(({ name, options }) => `    ${name}) words=${quoted(wordsOf(options))} ;;`);
  const values = Object.entries(VALUES).map(
    ([name, known]) => `    ${name}|--trainer.${name.slice(2)}) words=${quoted(known.join(" "))} ;;`,
  );
  return `# ltrain completion bash: in ~/.bashrc: eval "$(ltrain completion bash)"
_ltrain() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" words=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W ${quoted(commands.map(({ name }) => name).join(" "))} -- "$word"))
    return
  fi
  case "$before" in
${values.join("\n")}
  esac
  if [ -z "$words" ] && [ "\${word#-}" != "$word" ]; then
    case "\${COMP_WORDS[1]}" in
${words.map((line) => `  ${line}`).join("\n")}
    esac
  fi
  if [ -n "$words" ]; then COMPREPLY=($(compgen -W "$words" -- "$word")); else COMPREPLY=($(compgen -f -- "$word")); fi
}
complete -o filenames -o bashdefault -F _ltrain ltrain
`;
}

function zsh(commands: readonly Completed[]): string {
  // A colon or a bracket ends a part of what _describe and _arguments read.
  const told = (text: string): string => text.replaceAll(/[[\]:']/g, " ");
  const described = commands.map(({ name, description }) => `    ${quoted(`${name}:${told(description)}`)}`);
  const specs = ({ options }: Completed): string[] =>
    options.flatMap(({ names, description, takesValue, values }) =>
      names.map((name) => {
        const value = !takesValue ? "" : values.length === 0 ? ":value:_files" : `:value:(${values.join(" ")})`;
        return `      ${quoted(`*${name}[${told(description)}]${value}`)}`;
      }),
    );
  const cases = commands.map((command) => `    ${command.name}) specs=(\n${specs(command).join("\n")}\n    ) ;;`);
  return `#compdef ltrain
# ltrain completion zsh: in ~/.zshrc, after compinit: eval "$(ltrain completion zsh)"
_ltrain() {
  local -a commands specs
  commands=(
${described.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  case "\${words[2]}" in
${cases.join("\n")}
  esac
  shift words
  (( CURRENT-- ))
  _arguments -S $specs '*:file:_files'
}
compdef _ltrain ltrain
`;
}

function fish(commands: readonly Completed[]): string {
  const told = (text: string): string => quoted(text.replaceAll("\\", ""));
  const lines = commands.flatMap(({ name, description, options }) => [
    `complete -c ltrain -n __fish_use_subcommand -f -a ${name} -d ${told(description)}`,
    ...options.map(({ names, description: text, takesValue, values }) => {
      const spelled = names.map((one) => (one.startsWith("--") ? `-l ${one.slice(2)}` : `-s ${one.slice(1)}`));
      const value = !takesValue ? [] : values.length === 0 ? ["-r"] : ["-x", "-a", quoted(values.join(" "))];
      const condition = quoted(`__fish_seen_subcommand_from ${name}`);
      return ["complete -c ltrain -n", condition, ...spelled, ...value, "-d", told(text)].join(" ");
    }),
  ]);
  return `# ltrain completion fish | source; or into ~/.config/fish/completions/ltrain.fish\n${lines.join("\n")}\n`;
}
