// A throwing timer does not stop the ones after it when the error is handled.
process.on('uncaughtException', (e) => console.log('caught', e.message));
for (let i = 0; i < 4; i++)
  setTimeout(() => {
    console.log('t', i);
    if (i % 2 === 0) throw new Error('e' + i);
  }, 3);
setImmediate(() => {
  throw new Error('imm');
});
setImmediate(() => console.log('imm 2'));
for (const until = Date.now() + 6; Date.now() < until; ); // so that the timers are due when the loop starts
