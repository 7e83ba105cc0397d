// Numbers, objects, strings and JSON, about half a second of them.
const work = () => {
  let state = 42;
  const random = () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
  const size = 120;
  const matrix = () => Array.from({ length: size }, () => Float64Array.from({ length: size }, random));
  const [a, b] = [matrix(), matrix()];
  let trace = 0;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      let sum = 0;
      for (let k = 0; k < size; k++) sum += a[i][k] * b[k][j];
      if (i === j) trace += sum;
    }
  }
  const words = new Map();
  for (let i = 0; i < 60000; i++) {
    const word = `w${Math.floor(random() * 5000)}`;
    words.set(word, (words.get(word) ?? 0) + 1);
  }
  const people = Array.from({ length: 5000 }, (_, id) => ({ id, name: `name ${id}`, tags: ["a", "b", String(id % 7)], score: random() }));
  people.sort((x, y) => x.score - y.score);
  const again = JSON.parse(JSON.stringify(people));
  const text = again.map((person) => person.name.toUpperCase()).join(",");
  const matches = text.match(/NAME \d*7\b/g).length;
  return Math.floor(trace) + words.size + again.length + matches;
};
const expected = work();
const start = process.hrtime.bigint();
for (let i = 0; i < 8; i++) if (work() !== expected) throw new Error("not the same result");
console.log(String(process.hrtime.bigint() - start));
