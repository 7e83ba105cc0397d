// Web Crypto's symmetric side: known answers, failures, keys in and out.
const { subtle } = globalThis.crypto;
const hex = (bytes) => Buffer.from(bytes).toString('hex');
const bytes = (n) => Uint8Array.from({ length: n }, (_, i) => i);
const attempt = async (f) => {
  try {
    return await f();
  } catch (e) {
    return [e.constructor.name, e.name, e.message, e.cause?.message, e.cause?.code];
  }
};
process.removeAllListeners('warning');
process.on('warning', () => {});
const text = new TextEncoder().encode('the quick brown fox');
for (const name of ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512', 'SHA3-256']) console.log(name, hex(await subtle.digest(name, text)));
for (const [name, more] of [
  ['cSHAKE128', {}], ['cSHAKE256', { customization: bytes(20) }], ['TurboSHAKE128', {}], ['TurboSHAKE256', { domainSeparation: 7 }],
  ['KT128', {}], ['KT256', { customization: bytes(9) }],
]) {
  console.log(name, hex(await subtle.digest({ name, outputLength: 320, ...more }, text)), hex(await subtle.digest({ name, outputLength: 128, ...more }, new Uint8Array(20000))));
}
for (const [name, parameters] of [
  ['AES-CBC', { iv: bytes(16) }], ['AES-CTR', { counter: new Uint8Array(16).fill(255), length: 5 }], ['AES-CTR', { counter: bytes(16), length: 128 }],
  ['AES-GCM', { iv: bytes(12), additionalData: text, tagLength: 96 }], ['AES-OCB', { iv: bytes(15) }], ['ChaCha20-Poly1305', { iv: bytes(12) }],
]) {
  const length = name === 'ChaCha20-Poly1305' ? 32 : 24;
  const key = await subtle.importKey('raw-secret', bytes(length), { name }, true, ['encrypt', 'decrypt']);
  const secret = new Uint8Array(await subtle.encrypt({ name, ...parameters }, key, text));
  console.log(name, hex(secret), hex(await subtle.decrypt({ name, ...parameters }, key, secret)) === hex(text));
  secret[secret.length - 1] ^= 1;
  if (name !== 'AES-CTR') console.log(await attempt(() => subtle.decrypt({ name, ...parameters }, key, secret)));
  console.log((await subtle.exportKey('jwk', key)).alg, key.algorithm);
}
const wrapping = await subtle.importKey('raw', bytes(16), 'AES-KW', false, ['wrapKey', 'unwrapKey']);
const inner = await subtle.importKey('raw', bytes(32), { name: 'HMAC', hash: 'SHA-256' }, true, ['sign', 'verify']);
const wrapped = await subtle.wrapKey('raw', inner, wrapping, 'AES-KW');
console.log(hex(wrapped));
const unwrapped = await subtle.unwrapKey('raw', wrapped, wrapping, 'AES-KW', { name: 'HMAC', hash: 'SHA-256' }, true, ['verify']);
console.log(unwrapped, hex(await subtle.sign('HMAC', inner, text)));
console.log(await subtle.verify('HMAC', unwrapped, await subtle.sign('HMAC', inner, text), text), await subtle.verify('HMAC', unwrapped, bytes(32), text));
for (const name of ['KMAC128', 'KMAC256']) {
  const key = await subtle.importKey('raw-secret', bytes(33), { name }, true, ['sign', 'verify']);
  for (const outputLength of [256, 77]) console.log(name, hex(await subtle.sign({ name, outputLength, customization: text }, key, text)));
}
const password = await subtle.importKey('raw', text, 'PBKDF2', false, ['deriveBits', 'deriveKey']);
console.log(hex(await subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt: bytes(8), iterations: 50 }, password, 200)));
const hkdf = await subtle.importKey('raw', text, 'HKDF', false, ['deriveBits', 'deriveKey']);
console.log(hex(await subtle.deriveBits({ name: 'HKDF', hash: 'SHA-512', salt: bytes(8), info: bytes(3) }, hkdf, 64)));
console.log(await subtle.deriveKey({ name: 'HKDF', hash: 'SHA-512', salt: bytes(8), info: bytes(3) }, hkdf, { name: 'AES-GCM', length: 256 }, false, ['encrypt']));
const generated = await subtle.generateKey({ name: 'HMAC', hash: 'SHA-1', length: 13 }, true, ['sign']);
console.log(generated.algorithm, (await subtle.exportKey('raw', generated)).byteLength);
console.log(await attempt(() => subtle.generateKey({ name: 'AES-CBC', length: 100 }, true, ['encrypt'])));
console.log(await attempt(() => subtle.encrypt({ name: 'AES-GCM', iv: bytes(3) }, inner, text)));
