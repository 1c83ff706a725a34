/**
 * ESM through ts-jest; types are checked by `npm run check`, so here files are only transpiled.
 * @type {import("jest").Config}
 */
export default {
  testEnvironment: "<rootDir>/test/setup/environment.js",
  // The host's typed arrays are shared between test files (see the environment): jest must not take them apart in between.
  testEnvironmentOptions: { globalsCleanup: "off" },
  // A property test over many shapes takes its time on a busy machine with two cores; a hang still ends.
  testTimeout: 60_000,
  maxWorkers: "100%",
  extensionsToTreatAsEsm: [".ts"],
  moduleNameMapper: { "^(\\.{1,2}/.*)\\.js$": "$1" },
  transform: { "^.+\\.ts$": ["ts-jest", { useESM: true, tsconfig: "<rootDir>/test/setup/tsconfig.json" }] },
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  modulePathIgnorePatterns: ["<rootDir>/dist/"],
};
