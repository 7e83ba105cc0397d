// parseArgs parses options, positionals and reports errors.
import { parseArgs } from 'node:util';
const t = (c) => {
  try {
    const r = parseArgs(c);
    console.log({ ...r.values }, r.positionals, r.tokens ?? '');
  } catch (e) {
    console.log(e.code, e.message);
  }
};
const options = {
  file: { type: 'string', short: 'f' },
  verbose: { type: 'boolean', short: 'v' },
  inc: { type: 'string', multiple: true, short: 'I' },
  def: { type: 'string', default: 'dd' },
};
t({ args: ['-f', 'x', '--verbose', 'pos'], options, allowPositionals: true });
t({ args: ['--file=y', '-v', '-Ia', '-I', 'b'], options });
t({ args: ['--nope'], options });
t({ args: ['pos'], options });
t({ args: ['--file'], options });
t({ args: ['--verbose=1'], options });
t({ args: ['-vf', 'z', '--', '-q'], options, allowPositionals: true });
t({ args: ['--no-verbose'], options, allowNegative: true });
t({ args: ['--any', '--x=1'], strict: false });
t({ args: ['-v', 'p'], options, allowPositionals: true, tokens: true });
t({ args: ['-x'], options });
t({ options: { bad: { type: 'number' } } });
t({ args: ['--file', '-v'], options });
