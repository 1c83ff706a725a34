import { recordingTerminal, wantsColor } from "../../src/io/console.js";

test("colours come on a terminal, unless NO_COLOR or TERM=dumb say no, or FORCE_COLOR says otherwise", () => {
  expect(wantsColor({}, true)).toBe(true);
  expect(wantsColor({}, false)).toBe(false);
  expect(wantsColor({ NO_COLOR: "1" }, true)).toBe(false);
  expect(wantsColor({ NO_COLOR: "" }, true)).toBe(true); // no-color.org: only when not empty
  expect(wantsColor({ TERM: "dumb" }, true)).toBe(false);
  expect(wantsColor({ FORCE_COLOR: "1" }, false)).toBe(true);
  expect(wantsColor({ FORCE_COLOR: "0" }, true)).toBe(false);
  expect(wantsColor({ FORCE_COLOR: "1", NO_COLOR: "1" }, false)).toBe(true); // as Node and chalk have it
});

test("a recording terminal keeps the two streams apart", () => {
  const terminal = recordingTerminal({ columns: 40 });
  terminal.stdout.write("data\n");
  terminal.stderr.write("about it\n");
  expect(terminal.output).toBe("data\n");
  expect(terminal.messages).toBe("about it\n");
  expect(terminal.stdout.columns).toBe(40);
});
