// Every format, both ways, at once and by streams; and what Node says of broken input.
import { promisify } from 'node:util';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import zlib from 'node:zlib';

const text = Buffer.from('the quick brown fox jumps over the lazy dog. '.repeat(5000));
const pairs = [
  ['deflate', 'inflate'], ['deflateRaw', 'inflateRaw'], ['gzip', 'gunzip'], ['gzip', 'unzip'], ['deflate', 'unzip'],
  ['brotliCompress', 'brotliDecompress'], ['zstdCompress', 'zstdDecompress'],
];
for (const [there, back] of pairs) {
  const packed = zlib[`${there}Sync`](text);
  console.log(there, back, packed.length < text.length / 10, zlib[`${back}Sync`](packed).equals(text));
  const later = await promisify(zlib[back])(await promisify(zlib[there])(text));
  console.log('  later', later.equals(text));
  const big = Buffer.concat([text, text, text]);
  const name = there[0].toUpperCase() + there.slice(1);
  const other = back[0].toUpperCase() + back.slice(1);
  const chunks = [];
  await pipeline(Readable.from([big.subarray(0, 100), big.subarray(100, 400_000), big.subarray(400_000)]),
                 zlib[`create${name}`](), zlib[`create${other}`]({ chunkSize: 1000 }), async (source) => {
    for await (const chunk of source) chunks.push(chunk);
  });
  console.log('  streams', Buffer.concat(chunks).equals(big));
  for (const input of [packed.subarray(0, packed.length - 9), Buffer.from('no such thing'), Buffer.alloc(0)]) {
    try {
      console.log('  broken', zlib[`${back}Sync`](input).length);
    } catch (error) {
      console.log('  broken', error.message, error.code, error.errno);
    }
  }
}
console.log(zlib.crc32('hello'), zlib.crc32(Buffer.from('lo'), zlib.crc32('hel')));

// Dictionaries, members one after the other, output larger than allowed.
const dictionary = Buffer.from('the quick brown fox');
const small = zlib.deflateSync('the quick brown fox again', { dictionary });
console.log(zlib.inflateSync(small, { dictionary }).toString());
for (const options of [{}, { dictionary: Buffer.from('another') }]) {
  try {
    zlib.inflateSync(small, options);
  } catch (error) {
    console.log(error.message, error.code);
  }
}
console.log(zlib.gunzipSync(Buffer.concat([zlib.gzipSync('one'), zlib.gzipSync('two'), Buffer.alloc(4)])).toString());
try {
  zlib.gunzipSync(zlib.gzipSync(text), { maxOutputLength: 10 });
} catch (error) {
  console.log(error.code);
}

// Closing while a write is under way; parameters that change on the way.
const closed = zlib.createGzip();
closed.on('close', () => console.log('closed'));
closed.write(text);
closed.close();
const changing = zlib.createDeflate({ level: 9 });
const parts = [];
changing.on('data', (part) => parts.push(part));
changing.on('end', () => console.log('changed', zlib.inflateSync(Buffer.concat(parts)).length));
changing.write(text);
changing.params(0, zlib.constants.Z_DEFAULT_STRATEGY, (error) => {
  console.log('params', error ?? null);
  changing.end(text);
});
