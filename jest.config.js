/**
 * ESM through ts-jest; types are checked by `npm run check`, so here files are only transpiled.
 * @type {import("jest").Config}
 */
export default {
  testEnvironment: "<rootDir>/test/setup/environment.js",
  extensionsToTreatAsEsm: [".ts"],
  moduleNameMapper: { "^(\\.{1,2}/.*)\\.js$": "$1" },
  transform: { "^.+\\.ts$": ["ts-jest", { useESM: true, tsconfig: "<rootDir>/test/setup/tsconfig.json" }] },
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  modulePathIgnorePatterns: ["<rootDir>/dist/"],
};
