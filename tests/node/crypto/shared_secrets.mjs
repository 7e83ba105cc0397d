// Secrets two sides share: Diffie-Hellman old and new, elliptic curves, encapsulation, Web Crypto's derivation.
import * as crypto from 'node:crypto';

const attempt = (f) => {
  try {
    return f();
  } catch (e) {
    return [e.name, e.code, e.message];
  }
};
const raw = (key, asymmetricKeyType, more) => crypto.createPrivateKey({ key, format: 'raw-private', asymmetricKeyType, ...more });
for (const [type, length, more] of [['x25519', 32], ['x448', 56], ['ec', 32, { namedCurve: 'P-256' }], ['ec', 66, { namedCurve: 'P-521' }]]) {
  const bytes = [Buffer.alloc(length, 3), Buffer.alloc(length, 5)].map((b) => (length === 66 ? (b[0] = 0, b) : b));
  const [a, b] = bytes.map((b) => raw(b, type, more));
  const secret = crypto.diffieHellman({ privateKey: a, publicKey: crypto.createPublicKey(b) });
  console.log(type, secret.toString('hex'), secret.equals(crypto.diffieHellman({ privateKey: b, publicKey: crypto.createPublicKey(a) })));
}
for (const name of ['modp1', 'modp2', 'modp5', 'modp14', 'modp15']) {
  const group = crypto.getDiffieHellman(name);
  console.log(name, group.verifyError, group.getPrime('hex').length, group.getGenerator('hex'));
}
const own = crypto.createDiffieHellman(crypto.getDiffieHellman('modp2').getPrime());
own.setPrivateKey(Buffer.alloc(20, 9));
console.log(own.generateKeys('base64'), own.getPrivateKey('hex'), own.verifyError);
console.log(own.computeSecret(Buffer.alloc(100, 3)).toString('base64'));
for (const f of [
  () => crypto.createDiffieHellman(1), () => crypto.createDiffieHellman(Buffer.alloc(64, 1), 1), () => crypto.createDiffieHellman(Buffer.alloc(2, 1)).verifyError,
  () => crypto.getDiffieHellman('x'), () => crypto.getDiffieHellman('modp1').getPublicKey(), () => own.computeSecret(Buffer.alloc(1)),
  () => own.computeSecret(Buffer.alloc(300, 1)), () => crypto.createDiffieHellman(Buffer.alloc(4, 1)).generateKeys(),
  () => crypto.createDiffieHellman(own.getPrime(), own.getPrime()), () => crypto.getDiffieHellman('modp1').computeSecret(Buffer.alloc(3, 1)),
]) console.log(attempt(f));

const ecdh = crypto.createECDH('secp256k1');
ecdh.setPrivateKey(Buffer.alloc(32, 1));
for (const form of ['compressed', 'uncompressed', 'hybrid']) console.log(ecdh.getPublicKey('hex', form));
const other = crypto.createECDH('secp256k1');
other.setPrivateKey(Buffer.alloc(32, 2));
console.log(ecdh.computeSecret(other.getPublicKey()).toString('hex'), other.getPrivateKey('hex'));
console.log(crypto.ECDH.convertKey(ecdh.getPublicKey(), 'secp256k1', undefined, 'hex', 'compressed'));
for (const f of [
  () => crypto.createECDH('x'), () => ecdh.computeSecret(Buffer.alloc(3)), () => ecdh.setPrivateKey(Buffer.alloc(0)), () => ecdh.setPrivateKey(Buffer.alloc(32, 255)),
  () => crypto.createECDH('secp256k1').getPublicKey(), () => crypto.createECDH('secp256k1').getPrivateKey(), () => crypto.ECDH.convertKey(Buffer.alloc(3), 'secp256k1'),
]) console.log(attempt(f));

for (const [type, options] of [['ml-kem-512'], ['ml-kem-1024'], ['x25519'], ['ec', { namedCurve: 'P-256' }], ['rsa', { modulusLength: 2048 }], ['ed25519']]) {
  const { publicKey, privateKey } = crypto.generateKeyPairSync(type, options);
  const made = attempt(() => crypto.encapsulate(publicKey));
  if (Array.isArray(made)) console.log(type, made);
  else console.log(type, made.sharedKey.length, made.ciphertext.length, crypto.decapsulate(privateKey, made.ciphertext).equals(made.sharedKey));
  console.log(attempt(() => crypto.decapsulate(privateKey, Buffer.alloc(4))));
}

const { subtle } = crypto.webcrypto;
for (const algorithm of [{ name: 'ECDH', namedCurve: 'P-384' }, { name: 'X25519' }]) {
  const [a, b] = await Promise.all([1, 2].map(() => subtle.generateKey(algorithm, false, ['deriveBits', 'deriveKey'])));
  const one = await subtle.deriveBits({ ...algorithm, public: b.publicKey }, a.privateKey, 250);
  const two = await subtle.deriveBits({ ...algorithm, public: a.publicKey }, b.privateKey, 250);
  console.log(algorithm.name, Buffer.from(one).equals(Buffer.from(two)), one.byteLength, a.privateKey, a.publicKey);
  console.log(await subtle.exportKey('pkcs8', a.privateKey).catch((e) => [e.name, e.message]));
}
const zero = crypto.createPublicKey({ key: Buffer.alloc(32), format: 'raw-public', asymmetricKeyType: 'x25519' });
console.log(attempt(() => crypto.diffieHellman({ privateKey: raw(Buffer.alloc(32, 3), 'x25519'), publicKey: zero })));
