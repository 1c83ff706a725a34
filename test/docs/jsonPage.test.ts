import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const pathOf = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));

test("docs/json.md is what the schemas say; `node scripts/json-page.mjs` writes it", () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [pathOf("scripts/json-page.mjs"), "--print"], {
    encoding: "utf8",
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(readFileSync(pathOf("docs/json.md"), "utf8")).toBe(stdout);
});
