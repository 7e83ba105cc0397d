// flags: --throw-deprecation
process.emitWarning('old', 'DeprecationWarning', 'DEPX');
