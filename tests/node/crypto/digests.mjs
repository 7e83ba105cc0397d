// Digests and message authentication codes: streamed, at once, copied, of any length, and their errors.
import * as crypto from 'node:crypto';

const attempt = (f) => {
  try {
    return f();
  } catch (e) {
    return [e.name, e.code, e.message, e.library, e.reason, e.opensslErrorStack];
  }
};
const text = 'größer als nötig';
for (const name of ['md5', 'sha1', 'sha256', 'SHA512', 'RSA-SHA256', 'sha3-256', 'blake2b512', 'ripemd160', 'sm3', 'sha512-256']) {
  console.log(name, crypto.createHash(name).update(text).digest('hex'), crypto.hash(name, text, 'base64url'));
}
console.log(crypto.createHash('shake128').update(text).digest('hex'));
console.log(crypto.createHash('shake256', { outputLength: 5 }).update(text).digest('hex'));
console.log(crypto.hash('shake256', text, { outputLength: 300 }).length, crypto.hash('shake128', '', { outputLength: 0 }));
const first = crypto.createHash('sha256').update('a');
const copy = first.copy();
console.log(first.update('b').digest('hex') === crypto.hash('sha256', 'ab'), copy.digest('latin1').length);
console.log(attempt(() => first.update('c')));
console.log(attempt(() => first.copy()));
console.log(attempt(() => crypto.createHash('nonsense')));
console.log(attempt(() => crypto.createHash('md4')));
console.log(attempt(() => crypto.createHash('sha256', { outputLength: 31 })));
console.log(attempt(() => crypto.hash('sha256', 'a', { outputLength: 31 })));
console.log(attempt(() => crypto.hash('nonsense', 'a')));
console.log(attempt(() => crypto.createHmac('nonsense', 'key')));
for (const key of ['', 'k', Buffer.alloc(200, 7), crypto.createSecretKey(Buffer.from('secret'))]) {
  console.log(crypto.createHmac('sha384', key).update(text, 'latin1').update(Buffer.from([1, 2])).digest('base64'));
}
const hmac = crypto.createHmac('sha1', 'k');
console.log(hmac.digest('hex'), hmac.digest('hex') === '', hmac.digest());
console.log(crypto.timingSafeEqual(Buffer.from('ab'), Buffer.from('ab')), crypto.timingSafeEqual(new Uint16Array([1]), Buffer.from([0, 1])));
console.log(attempt(() => crypto.timingSafeEqual(Buffer.alloc(1), Buffer.alloc(2))));
const stream = crypto.createHash('sha256');
stream.on('data', (digest) => console.log('streamed', digest.toString('hex')));
stream.write('a');
stream.end('b');
