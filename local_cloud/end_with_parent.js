// Loaded before a server (node --require): ends it when the process that started it is gone.
// The parent keeps the other end of standard input open; however it ends, the pipe closes.
"use strict";

process.stdin.on("close", () => process.exit(0));
process.stdin.resume();
