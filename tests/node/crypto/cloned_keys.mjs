// Keys copied by structuredClone and by message ports are the same keys, of the same classes.
import { createSecretKey, KeyObject, webcrypto } from 'node:crypto';
import { MessageChannel } from 'node:worker_threads';
import { once } from 'node:events';

const secret = createSecretKey(Buffer.from('a secret'));
const copy = structuredClone(secret);
console.log(copy, copy instanceof KeyObject, copy.constructor === secret.constructor, copy.equals(secret), copy.export().toString());
const hmac = await webcrypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256', length: 100 }, false, ['sign', 'verify']);
const signed = await webcrypto.subtle.sign('HMAC', hmac, Buffer.from('data'));
const { port1, port2 } = new MessageChannel();
port1.postMessage({ secret, hmac, again: secret });
const [received] = await once(port2, 'message');
port1.close();
console.log(received.hmac, received.hmac instanceof CryptoKey, received.secret === received.again, received.secret.equals(secret));
console.log(await webcrypto.subtle.verify('HMAC', received.hmac, signed, Buffer.from('data')));
