// flags: --trace-warnings
process.emitWarning('traced');
