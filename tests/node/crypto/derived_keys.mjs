// Keys from passwords and secrets, at once and later; random numbers and primes.
import * as crypto from 'node:crypto';
import { promisify } from 'node:util';

const attempt = (f) => {
  try {
    return f();
  } catch (e) {
    return [e.name, e.code, e.message];
  }
};
console.log(crypto.pbkdf2Sync('password', 'salt', 1000, 40, 'sha512').toString('hex'));
console.log(crypto.pbkdf2Sync('', '', 1, 7, 'sha1').toString('hex'), attempt(() => crypto.pbkdf2Sync('a', 'b', 1, 0, 'sha1')));
console.log(crypto.scryptSync('password', 'salt', 24, { N: 1024, r: 4, p: 2 }).toString('hex'));
console.log(Buffer.from(crypto.hkdfSync('sha256', 'key', 'salt', 'info', 100)).toString('hex'));
console.log(Buffer.from(crypto.hkdfSync('sha256', '', '', '', 16)).toString('hex'));
for (const name of ['argon2d', 'argon2i', 'argon2id']) {
  const parameters = { message: 'password', nonce: 'some salt', parallelism: 2, tagLength: 24, memory: 64, passes: 2, secret: 's', associatedData: 'a' };
  console.log(name, crypto.argon2Sync(name, parameters).toString('hex'));
}
console.log(attempt(() => crypto.pbkdf2Sync('a', 'b', 1, 10, 'nonsense')));
console.log(attempt(() => crypto.scryptSync('a', 'b', 10, { N: 3 })));
console.log(attempt(() => crypto.scryptSync('a', 'b', 10, { N: 2 ** 14, maxmem: 1024 })));
console.log(attempt(() => crypto.hkdfSync('nonsense', 'a', 'b', 'c', 10)));
console.log(attempt(() => crypto.hkdfSync('sha1', 'a', 'b', 'c', 20 * 255 + 1)));
const later = await Promise.all([
  promisify(crypto.pbkdf2)('password', 'salt', 10, 8, 'sha256'),
  promisify(crypto.scrypt)('password', 'salt', 8, { N: 16 }),
  promisify(crypto.hkdf)('sha512', 'key', 'salt', 'info', 8),
]);
console.log(later.map((bytes) => Buffer.from(bytes).toString('hex')));
console.log(crypto.randomBytes(5).length, (await promisify(crypto.randomBytes)(6)).length, crypto.randomInt(3) < 3);
const filled = await promisify(crypto.randomFill)(Buffer.alloc(20), 5, 10);
console.log(filled.subarray(0, 5), filled.subarray(15), filled.subarray(5, 15).some((byte) => byte !== 0));
console.log(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/.test(crypto.randomUUID()));
const prime = crypto.generatePrimeSync(64, { bigint: true, add: 12n, rem: 11n });
console.log(prime % 12n, crypto.checkPrimeSync(prime), crypto.checkPrimeSync(prime * 5n), crypto.checkPrimeSync(2n ** 89n - 1n));
console.log(attempt(() => crypto.generatePrimeSync(8, { add: 1000n })));
const secret = crypto.generateKeySync('hmac', { length: 77 });
console.log(secret.symmetricKeySize, secret.type, secret.export().length, secret.equals(crypto.createSecretKey(secret.export())));
console.log(crypto.createSecretKey('c2VjcmV0', 'base64').export({ format: 'jwk' }));
