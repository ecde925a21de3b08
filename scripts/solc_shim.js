// Runs the npm build of the Solidity compiler behind the two calls that py-solc-x makes of a native
// one: `--version`, and `--standard-json` with the whole input, sources included, on stdin.
// Other options (`--base-path`, `--allow-paths`, ...) only matter for reading sources from disk and
// are ignored.
"use strict";

const fs = require("fs");
const path = require("path");

const solc = require(path.join(__dirname, "..", "node_modules", "solc"));

function printVersion() {
  process.stdout.write(
    "solc, the solidity compiler commandline interface\n" + `Version: ${solc.version()}\n`,
  );
}

function compileStandardJson() {
  const output = solc.compile(fs.readFileSync(0, "utf8"));
  process.stdout.write(output + "\n");
}

const options = process.argv.slice(2);
if (options.includes("--version")) {
  printVersion();
} else if (options.includes("--standard-json")) {
  compileStandardJson();
} else {
  process.stderr.write("solc shim: only --version and --standard-json are supported\n");
  process.exitCode = 1;
}
