// Ciphers in every kind of mode, their tags and paddings, and what they refuse.
import * as crypto from 'node:crypto';

const attempt = (f) => {
  try {
    return f();
  } catch (e) {
    return [e.name, e.code, e.message, e.reason];
  }
};
const key = (n) => Buffer.from(Array.from({ length: n }, (_, i) => i));
const text = Buffer.from('the quick brown fox jumps over the lazy dog');
for (const [name, keyLength, ivLength] of [
  ['aes-128-cbc', 16, 16], ['aes-192-ctr', 24, 16], ['aes-256-cfb8', 32, 16], ['aes-128-ofb', 16, 16], ['aes-256-ecb', 32, 0],
  ['des-ede3-cbc', 24, 8], ['chacha20', 32, 16], ['aria-128-cbc', 16, 16], ['sm4-cbc', 16, 16], ['aes-128-xts', 32, 16],
]) {
  const iv = ivLength ? key(ivLength) : null;
  const cipher = crypto.createCipheriv(name, key(keyLength), iv);
  const secret = Buffer.concat([cipher.update(text), cipher.final()]);
  const decipher = crypto.createDecipheriv(name, key(keyLength), iv);
  const back = decipher.update(secret, undefined, 'utf8') + decipher.final('utf8');
  console.log(name, secret.toString('base64'), back === text.toString(), JSON.stringify(crypto.getCipherInfo(name)));
}
for (const [name, keyLength, ivLength, options] of [
  ['aes-128-gcm', 16, 12], ['aes-256-gcm', 32, 7, { authTagLength: 13 }], ['aes-128-ccm', 16, 11, { authTagLength: 8 }],
  ['aes-192-ocb', 24, 12, { authTagLength: 16 }], ['chacha20-poly1305', 32, 12], ['chacha20-poly1305', 32, 12, { authTagLength: 4 }],
]) {
  const cipher = crypto.createCipheriv(name, key(keyLength), key(ivLength), options);
  cipher.setAAD(Buffer.from('more'), { plaintextLength: text.length });
  const secret = Buffer.concat([cipher.update(text), cipher.final()]);
  const tag = cipher.getAuthTag();
  console.log(name, secret.toString('hex'), tag.toString('hex'));
  for (const flip of [0, 1]) {
    const decipher = crypto.createDecipheriv(name, key(keyLength), key(ivLength), options);
    const wrong = Buffer.from(tag);
    wrong[0] ^= flip;
    decipher.setAuthTag(wrong);
    decipher.setAAD(Buffer.from('more'), { plaintextLength: text.length });
    console.log(attempt(() => Buffer.concat([decipher.update(secret), decipher.final()]).toString()));
  }
}
const wrap = crypto.createCipheriv('aes128-wrap', key(16), Buffer.alloc(8, 0xa6));
console.log(wrap.update(key(24)).toString('hex'));
const unpadded = crypto.createCipheriv('aes-128-cbc', key(16), key(16));
unpadded.setAutoPadding(false);
unpadded.update('short');
console.log(attempt(() => unpadded.final()));
console.log(attempt(() => unpadded.final()));
console.log(attempt(() => unpadded.update('x')));
console.log(attempt(() => crypto.createCipheriv('aes-128-cbc', key(15), key(16))));
console.log(attempt(() => crypto.createCipheriv('aes-128-cbc', key(16), key(15))));
console.log(attempt(() => crypto.createCipheriv('aes-128-cbc', key(16), null)));
console.log(attempt(() => crypto.createCipheriv('aes-128-nonsense', key(16), null)));
console.log(attempt(() => crypto.createCipheriv('aes-128-ccm', key(16), key(11))));
console.log(attempt(() => crypto.createCipheriv('aes-128-ccm', key(16), key(20), { authTagLength: 8 })));
console.log(attempt(() => crypto.createCipheriv('aes-128-gcm', key(16), key(12), { authTagLength: 3 })));
const bad = crypto.createDecipheriv('aes-128-cbc', key(16), key(16));
bad.update(Buffer.alloc(32));
console.log(attempt(() => bad.final()));
console.log(crypto.getCipherInfo('aes-128-gcm', { ivLength: 20 }), crypto.getCipherInfo('aes-128-cbc', { keyLength: 5 }), crypto.getCipherInfo('nonsense'));
