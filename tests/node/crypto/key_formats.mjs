// Asymmetric keys: every algorithm in every format it has, what each says of itself, and what does not fit.
import * as crypto from 'node:crypto';

const attempt = (f) => {
  try {
    return f();
  } catch (e) {
    return [e.name, e.code, e.message];
  }
};
const pairs = [
  ['rsa', { modulusLength: 1024 }], ['rsa', { modulusLength: 512, publicExponent: 3 }],
  ['rsa-pss', { modulusLength: 1024 }], ['rsa-pss', { modulusLength: 1024, hashAlgorithm: 'sha256', saltLength: 20 }],
  ['dsa', { modulusLength: 1024, divisorLength: 160 }],
  ['ec', { namedCurve: 'P-256' }], ['ec', { namedCurve: 'secp256k1' }], ['ec', { namedCurve: 'brainpoolP256r1' }],
  ['ec', { namedCurve: 'P-384', paramEncoding: 'explicit' }],
  ['dh', { group: 'modp5' }],
  ...['ed25519', 'ed448', 'x25519', 'x448', 'ml-dsa-44', 'ml-kem-512', 'slh-dsa-sha2-128f'].map((type) => [type, {}]),
];
const shape = (v) => (typeof v === 'string' ? v.split('\n')[0] : Buffer.isBuffer(v) ? 'buffer' : Array.isArray(v) ? v : Object.keys(v).join());
for (const [type, options] of pairs) {
  const { publicKey, privateKey } = crypto.generateKeyPairSync(type, options);
  console.log(type, privateKey.asymmetricKeyType, publicKey.asymmetricKeyDetails, privateKey.asymmetricKeyDetails);
  console.log(crypto.createPublicKey(privateKey).equals(publicKey), publicKey.equals(privateKey));
  for (const format of ['pem', 'der']) {
    for (const kind of ['spki', 'pkcs1']) {
      const out = attempt(() => publicKey.export({ format, type: kind }));
      console.log('public', format, kind, shape(out));
      if (!Array.isArray(out)) console.log(crypto.createPublicKey({ key: out, format, type: kind }).equals(publicKey));
    }
    for (const kind of ['pkcs8', 'pkcs1', 'sec1']) {
      for (const cipher of [undefined, 'aes-256-cbc']) {
        const passphrase = cipher && 'secret';
        const out = attempt(() => privateKey.export({ format, type: kind, cipher, passphrase }));
        console.log('private', format, kind, cipher, shape(out));
        if (Array.isArray(out)) continue;
        const back = crypto.createPrivateKey({ key: out, format, type: kind, passphrase });
        console.log(back.equals(privateKey), crypto.createPublicKey({ key: out, format, type: kind, passphrase }).equals(publicKey));
        if (cipher && format === 'pem') console.log(attempt(() => crypto.createPrivateKey({ key: out, passphrase: 'x' })).length > 1);
      }
    }
  }
  for (const key of [publicKey, privateKey]) {
    const out = attempt(() => key.export({ format: 'jwk' }));
    console.log('jwk', shape(out));
    if (!Array.isArray(out)) {
      const back = key === publicKey ? crypto.createPublicKey({ key: out, format: 'jwk' }) : crypto.createPrivateKey({ key: out, format: 'jwk' });
      console.log(back.equals(key));
    }
  }
  for (const [key, format] of [[publicKey, 'raw-public'], [privateKey, 'raw-private'], [privateKey, 'raw-seed']]) {
    const out = attempt(() => key.export({ format }));
    console.log(format, shape(out));
    if (Array.isArray(out)) continue;
    const from = { key: out, format, asymmetricKeyType: type, namedCurve: options.namedCurve };
    console.log((key === publicKey ? crypto.createPublicKey(from) : crypto.createPrivateKey(from)).equals(key));
    console.log(attempt(() => crypto.createPublicKey({ ...from, key: out.subarray(1) })));
  }
}
const bytes = Buffer.alloc(20, 1);
for (const from of [
  'foo', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----', { key: bytes, format: 'der', type: 'spki' },
  { key: bytes, format: 'der', type: 'pkcs8' }, { key: { kty: 'RSA' }, format: 'jwk' }, { key: { kty: 'EC', crv: 'x', x: 'a', y: 'a' }, format: 'jwk' },
  { key: { kty: 'oct', k: 'a' }, format: 'jwk' }, { key: { kty: 'OKP', crv: 'Ed25519', x: 'a' }, format: 'jwk' }, { key: {}, format: 'jwk' },
  { key: bytes, format: 'raw-public', asymmetricKeyType: 'rsa' }, { key: bytes, format: 'raw-public', asymmetricKeyType: 'x' },
  { key: bytes, format: 'raw-public', asymmetricKeyType: 'ec', namedCurve: 'x' },
]) {
  console.log(attempt(() => crypto.createPublicKey(from)), attempt(() => crypto.createPrivateKey(from)).at?.(1));
}
for (const [type, options] of [['rsa', { modulusLength: 1 }], ['rsa', { modulusLength: 512, publicExponent: 4 }], ['dh', { group: 'x' }], ['ec', { namedCurve: 'x' }], ['dh', { primeLength: 10 }]]) {
  console.log(type, attempt(() => crypto.generateKeyPairSync(type, options)));
}
crypto.generateKeyPair('ec', { namedCurve: 'P-256', publicKeyEncoding: { format: 'jwk' }, privateKeyEncoding: { format: 'pem', type: 'sec1' } }, (error, publicKey, privateKey) => {
  console.log(error, shape(publicKey), shape(privateKey));
});
