import js from "@eslint/js";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["dist/", "node_modules/", "coverage/", "test/fixtures/"] },
  js.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Numbers read well in messages; everything else must say how it becomes text.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      // `while (true)` with a break in the middle is how a parser reads.
      "@typescript-eslint/no-unnecessary-condition": ["error", { allowConstantLoopConditions: true }],
    },
  },
  {
    files: ["bin/**/*.js", "scripts/**/*.mjs", "test/bench/**/*.mjs", "test/torture/**/*.mjs", "test/setup/**/*.js"],
    languageOptions: {
      globals: {
        process: "readonly",
        globalThis: "readonly",
        console: "readonly",
        performance: "readonly",
        URL: "readonly",
        setInterval: "readonly",
        setTimeout: "readonly",
        Buffer: "readonly",
        clearInterval: "readonly",
      },
    },
  },
  { files: ["bin/**/*.js"], languageOptions: { sourceType: "commonjs", globals: { __dirname: "readonly" } } },
);
