// Signatures and RSA encryption: what is deterministic to the byte, the rest by checking; encodings, paddings, refusals.
import * as crypto from 'node:crypto';

const attempt = (f) => {
  try {
    return f();
  } catch (e) {
    return [e.name, e.code, e.message, e.opensslErrorStack?.length];
  }
};
const { constants } = crypto;
const rsa = crypto.createPrivateKey(`-----BEGIN PRIVATE KEY-----
MIICeQIBADANBgkqhkiG9w0BAQEFAASCAmMwggJfAgEAAoGBAMrzUZaWCVZG/ykT
4JB1usYbZed9vhBD9JnGXI5kzVWhNWzCdZgdis+p9jKpmfRQHvbAZlS5e7w0uCRC
+PC/ottOFIT7ysLvudXBxWGR0LhHq5FAiG3BBdOgy4hfLYBKtUnowSIJrzKgCzQG
D/MzO+p8lHrRaEVZ4/EWIfo7tsuPAgMBAAECgYEAxndlzQYSQW4SbsBCdeK7cKow
YE3mBQ//bjW+I33OEzQgA6iyyLvzGBsUaPzUUkfbz9/c8nOk3isL/GIGAaDWBzRg
ilt4e/lAJ12vcSfXlMj9dhbE8TjFVVdBcBEjTvQoVjy/auYbyN1eJYOEMk2/m8da
Ko+BfyGd9yAnzHtcxVECQQDsJNvieXZaIHcxvo7tvNzfeL5QmDjuVFA/wtTuxC5t
vF/dSFF2mtHRzwj8jRxpVkJV+5oVSbngdKCvnxl1zB/HAkEA3APzC0UN7bZJZYzs
yprkCWfGJm4u5XsnAEscfZ+ft5Asn7cU4aXJvTPiVOQ0T5JRkTyyysNB2SlL5Ot1
QgsF+QJBAIMFKGMN1VbIMJoPCqppYXs0ORPqgZvqd+QIq7AWdVQ5ck8KcviFiekJ
IAlQGfVwALpIMQOitlkNHKKUecHcEb0CQQCgqIGhiRtSqfmOngmLKO+7rnuTNIIq
MHOaUz7KvPT0JeNv/VDSNS3La0eqlbldIYtOcvRb+5jp6q3wy78kKsiBAkEAhjBD
tiexbT9RQvJR9lxWeRM+wAqmOjm3B+Ioed75S71qkDo/Qh1pX1OUe017+E3vqgIw
P9OkyaaocLfkPfBrfA==
-----END PRIVATE KEY-----
`);
const elliptic = crypto.createPrivateKey(`-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIF+yoEVj5RrmRZ/eEY7+G9eBtu+tPlrPao5/B2NZlvDSoAoGCCqGSM49
AwEHoUQDQgAETA3CWLS+OymktK1O4nDSDWNliCt2MwnyI2Z//2BtIBDubaRDduP9
GkwIgJCMSVQUbCJf7qs/KsMDdT1kEofceQ==
-----END EC PRIVATE KEY-----
`);
const edwards = crypto.createPrivateKey({ key: Buffer.alloc(32, 7), format: 'raw-private', asymmetricKeyType: 'ed25519' });
const edwards448 = crypto.createPrivateKey({ key: Buffer.alloc(57, 7), format: 'raw-private', asymmetricKeyType: 'ed448' });
const lattice = crypto.createPrivateKey({ key: Buffer.alloc(32, 7), format: 'raw-seed', asymmetricKeyType: 'ml-dsa-44' });
const text = Buffer.from('the quick brown fox');
for (const digest of ['sha1', 'RSA-SHA256', 'sha512', 'md5', 'dss1', 'nope']) {
  console.log(digest, attempt(() => crypto.createSign(digest).update('the quick ').update('brown fox').sign(rsa, 'hex')));
  console.log(digest, attempt(() => crypto.sign(digest, text, rsa).toString('base64')));
}
console.log(crypto.sign(null, text, edwards).toString('hex'), crypto.sign(null, text, edwards448).toString('hex'));
console.log(crypto.sign(null, text, { key: edwards448, context: Buffer.from('ctx') }).toString('hex'));
for (const key of [rsa, elliptic, edwards, edwards448, lattice]) {
  const publicKey = crypto.createPublicKey(key);
  for (const options of [
    {}, { dsaEncoding: 'ieee-p1363' }, { padding: constants.RSA_PKCS1_PSS_PADDING }, { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 8 },
    { padding: 99 }, { context: Buffer.from('c') }, { context: Buffer.alloc(256) },
  ]) {
    for (const digest of ['sha256', null]) {
      const signature = attempt(() => crypto.sign(digest, text, { key, ...options }));
      if (Array.isArray(signature)) {
        console.log(key.asymmetricKeyType, options, digest, signature.slice(0, 3));
        continue;
      }
      const wrong = Buffer.from(signature);
      wrong[9] ^= 1;
      console.log(key.asymmetricKeyType, options, digest, [signature, wrong, signature.subarray(8)].map((s) => crypto.verify(digest, text, { key: publicKey, ...options }, s)));
    }
    const streamed = attempt(() => crypto.createSign('sha256').update(text).sign({ key, ...options }));
    if (Array.isArray(streamed)) console.log('Sign', streamed.slice(0, 3));
    else console.log(crypto.createVerify('sha256').update(text).verify({ key, ...options }, streamed));
  }
}
console.log(attempt(() => crypto.createVerify('sha256').update(text).verify({ key: elliptic, dsaEncoding: 'ieee-p1363' }, Buffer.alloc(3))));
const used = crypto.createSign('sha256').update(text);
used.sign(rsa);
console.log(attempt(() => used.sign(rsa)), attempt(() => used.update('x')));

const label = Buffer.from('label');
for (const options of [{}, { oaepHash: 'sha256' }, { oaepHash: 'sha1', oaepLabel: label }, { padding: constants.RSA_PKCS1_PADDING }, { oaepHash: 'x' }]) {
  const secret = attempt(() => crypto.publicEncrypt({ key: rsa, ...options }, text));
  if (Array.isArray(secret)) console.log(options, secret);
  else console.log(options, secret.length, crypto.privateDecrypt({ key: rsa, ...options }, secret).toString());
}
console.log(crypto.privateEncrypt(rsa, text).toString('hex'));
console.log(crypto.publicDecrypt(rsa, crypto.privateEncrypt(rsa, text)).toString());
console.log(attempt(() => crypto.publicEncrypt(elliptic, text)), attempt(() => crypto.publicEncrypt(rsa, Buffer.alloc(500))));
console.log(attempt(() => crypto.privateDecrypt(rsa, Buffer.alloc(128))), attempt(() => crypto.publicDecrypt(rsa, Buffer.alloc(128))));
crypto.sign('sha256', text, rsa, (error, signature) => {
  crypto.verify('sha256', text, rsa, signature, (failed, good) => {
    console.log(error, failed, good);
    // One after the other: the pool's threads may finish in any order.
    crypto.sign('sha256', text, edwards, (refused) => console.log(refused.message, refused.code));
  });
});
