#!/usr/bin/env node
// Runs a command line from the bundle where it has the command, which saves loading the modules one by one, and else from
// the modules: both are the same code. CommonJS (package.json beside this says so), because node's loader of modules
// takes longer to start than the directory of a checkpoint takes to read.
"use strict";
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { pathToFileURL } = require("node:url");
const { Script } = require("node:vm");

const DIST = join(__dirname, "..", "dist");

/** What scripts/bundle.mjs makes of the commands that only look at files, or undefined where it is not. */
function loadBundle() {
  const filename = join(DIST, "cli", "bundle.cjs");
  const source = bytesOf(filename)?.toString("latin1");
  if (source === undefined) return undefined;
  // Of another version of node what V8 compiled is left aside, and the script compiled anew.
  const script = new Script(source, { filename, cachedData: bytesOf(join(DIST, "cli", "bundle.cache")) });
  return script.runInThisContext()(require, (name) => import(name), `${pathToFileURL(DIST).href}/`);
}

function bytesOf(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

async function start(argv) {
  const bundle = loadBundle();
  // A command's name among the arguments of another costs time, and nothing else.
  const isThere = bundle !== undefined && !argv.slice(2).some((word) => bundle.elsewhere.includes(word));
  const { main } = isThere ? bundle : await import(pathToFileURL(join(DIST, "cli", "main.js")).href);
  await main(argv);
}

void start(process.argv);
