#!/usr/bin/node
'use strict';
// `cenote-<collection>`: the functions of the embedder, for the shell.

const { basename } = require('node:path');
const { command } = require('/usr/lib/cenote/preload.cjs');

command(basename(process.argv[1]).replace(/^cenote-/, ''), process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
