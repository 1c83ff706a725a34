import { createProgram } from "../../src/cli/program.js";
import { examplesOf } from "../../src/cli/examples.js";
import { recordingTerminal } from "../../src/io/console.js";

const program = createProgram(recordingTerminal(), () => undefined);

test.each(program.commands.map((command) => [command.name(), command] as const))(
  "ltrain %s --help ends with examples, each of which this command understands",
  async (name, command) => {
    const terminal = recordingTerminal();
    const fresh = createProgram(terminal, () => undefined, name);
    await fresh.parseAsync([name, "--help"], { from: "user" }).catch(() => undefined); // commander throws after help
    const examples = examplesOf(name);
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) {
      expect(terminal.output).toContain(`  $ ${example}\n`);
      expect(example).toContain(`ltrain ${name}`);
      const known = command.options.flatMap(({ long, short }) => [long, short]);
      // A key of the config has a dot; every other option must be the command's own.
      for (const option of example.match(/(?<= )--?[a-z][\w.-]*/g) ?? []) {
        if (!option.includes(".")) expect([name, option, known.includes(option)]).toEqual([name, option, true]);
      }
    }
  },
);
