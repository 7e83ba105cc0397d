// Standard input is async iterable.
// stdin: a b c\nd e f\n
let n = 0;
for await (const chunk of process.stdin) n += chunk.length;
console.log(n);
