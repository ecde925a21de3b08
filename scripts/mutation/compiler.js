// Keeps the npm build of the Solidity compiler loaded: one standard-JSON input a line on stdin, one output
// a line on stdout.
"use strict";

const path = require("path");
const readline = require("readline");

const solc = require(path.join(__dirname, "..", "..", "node_modules", "solc"));

readline.createInterface({ input: process.stdin }).on("line", (input) => {
  process.stdout.write(solc.compile(input).trim() + "\n");
});
