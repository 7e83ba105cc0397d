// TLS over the loopback: a handshake and what it agreed on, protocols, names, resumption, pre-shared keys, and refusals.
import * as tls from 'node:tls';
import * as net from 'node:net';
import { once } from 'node:events';

const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgtTLLOFRPLInuUz9w
x61URXyjlbeFUUJBulAPCB/ZctGhRANCAASrFsVebBjiDPDEBn6bRBxZ/50iEmTH
dx0iPAF9S76rkhX6zfUw3FncWMfZeWy2+pQ1cBfGzrJtAb6QvltwZ9Er
-----END PRIVATE KEY-----
`;
const cert = `-----BEGIN CERTIFICATE-----
MIIBrjCCAVWgAwIBAgIUMRQzdEb3uAuSOrkUj+1BWqsGK6QwCgYIKoZIzj0EAwIw
FzEVMBMGA1UEAwwMbWFjaGluZS50ZXN0MCAXDTI2MTEyMTE4MDEzNloYDzIxMjYx
MDI4MTgwMTM2WjAXMRUwEwYDVQQDDAxtYWNoaW5lLnRlc3QwWTATBgcqhkjOPQIB
BggqhkjOPQMBBwNCAASrFsVebBjiDPDEBn6bRBxZ/50iEmTHdx0iPAF9S76rkhX6
zfUw3FncWMfZeWy2+pQ1cBfGzrJtAb6QvltwZ9Ero30wezAdBgNVHQ4EFgQUpHPh
GN9F/kb5DiXDpV71XZ9/yuUwHwYDVR0jBBgwFoAUpHPhGN9F/kb5DiXDpV71XZ9/
yuUwDwYDVR0TAQH/BAUwAwEB/zAoBgNVHREEITAfggxtYWNoaW5lLnRlc3SCCWxv
Y2FsaG9zdIcEfwAAATAKBggqhkjOPQQDAgNHADBEAiBBZVITUGM+kNolqv68U4Mj
hUfiKFTm/gyb/c+K9wdLzwIgBum9AHHCdALiBX/GCqC3x85DlL8rXCYEhLmgO3v1
eXQ=
-----END CERTIFICATE-----
`;

async function serve(options, onConnection) {
  const server = tls.createServer({ key, cert, ...options }, onConnection);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function exchange(name, serverOptions, clientOptions) {
  const server = await serve(serverOptions, (socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => socket.end(`${data}!`));
  });
  const refused = once(server, 'tlsClientError').then(([error]) => error.code);
  const client = tls.connect({ host: '127.0.0.1', port: server.address().port, ca: cert, ...clientOptions });
  try {
    await once(client, 'secureConnect');
    const peer = client.getPeerCertificate();
    const { name: cipher, version } = client.getCipher();
    console.log(name, client.authorized, client.getProtocol(), cipher, version, client.alpnProtocol, peer.subject?.CN,
      peer.subjectaltname, client.isSessionReused(), JSON.stringify(client.getEphemeralKeyInfo()));
    client.write('hello');
    client.setEncoding('utf8');
    let text = '';
    for await (const part of client) text += part;
    console.log(name, text);
  } catch (error) {
    console.log(name, error.code, await Promise.race([refused, new Promise((r) => setTimeout(r, 500))]));
  }
  client.destroy();
  server.close();
  await once(server, 'close');
}

const groups = { ecdhCurve: 'X25519' };
await exchange('plain', {}, groups);
await exchange('tls1.2', { maxVersion: 'TLSv1.2' }, { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256', ecdhCurve: 'prime256v1' });
await exchange('alpn', { ALPNProtocols: ['h2', 'http/1.1'] }, { ...groups, ALPNProtocols: ['nothing', 'http/1.1'] });
await exchange('alpn callback', { ALPNCallback: ({ protocols }) => protocols.at(-1) }, { ...groups, ALPNProtocols: ['a', 'b'] });
await exchange('no protocol', { ALPNProtocols: ['h2'] }, { ...groups, ALPNProtocols: ['nothing'], maxVersion: 'TLSv1.2' });
await exchange('stranger', {}, { ...groups, ca: [] });
await exchange('other name', {}, { ...groups, servername: 'other.test' });
await exchange('unauthorized', {}, { ...groups, ca: [], rejectUnauthorized: false });
await exchange('versions', { minVersion: 'TLSv1.3' }, { maxVersion: 'TLSv1.2' });
await exchange('psk', {
  key: undefined, cert: undefined, ciphers: 'PSK', maxVersion: 'TLSv1.2',
  pskCallback: (socket, identity) => (identity === 'someone' ? Buffer.from('0123456789abcdef') : null),
}, {
  ciphers: 'PSK-AES128-GCM-SHA256', checkServerIdentity: () => undefined,
  pskCallback: () => ({ identity: 'someone', psk: Buffer.from('0123456789abcdef') }),
});

// A session is resumed, and the server sees the name the client asked for.
const names = [];
const server = await serve({ SNICallback: (name, done) => { names.push(name); done(null, tls.createSecureContext({ key, cert })); } },
  (socket) => socket.end('once'));
let session;
for (const turn of ['first', 'second']) {
  const client = tls.connect({ host: '127.0.0.1', port: server.address().port, ca: cert, servername: 'machine.test', session, maxVersion: 'TLSv1.2' });
  client.on('session', (it) => { session = it; });
  await once(client, 'secureConnect');
  console.log(turn, client.isSessionReused(), client.servername, session?.length > 100);
  client.resume();
  await once(client, 'close');
}
console.log(names);
server.close();

// TLS inside another stream, and something that is no TLS.
const plain = await serve({}, (socket) => socket.end('inside'));
const raw = net.connect(plain.address().port, '127.0.0.1');
await once(raw, 'connect');
const inner = tls.connect({ socket: raw, ca: cert, servername: 'localhost' });
inner.setEncoding('utf8');
for await (const part of inner) console.log(part);
const stranger = net.connect(plain.address().port, '127.0.0.1');
stranger.on('error', () => {});
stranger.end('GET / HTTP/1.0\r\n\r\n');
const [error] = await once(plain, 'tlsClientError');
console.log(error.code, error.library, error.reason);
plain.close();

for (const options of [{ ciphers: 'nothing' }, { ecdhCurve: 'nothing' }, { key: 'x' }, { cert: 'x' }, { crl: 'x' }, { pfx: 'x' },
  { sigalgs: 'nothing' }, { secureProtocol: 'SSLv3_method' }, { key, cert, passphrase: 7 }]) {
  try {
    tls.createSecureContext(options);
    console.log(Object.keys(options), 'accepted');
  } catch (error) {
    console.log(Object.keys(options), error.name, error.code, error.message);
  }
}
console.log(tls.rootCertificates.length > 100, tls.DEFAULT_MIN_VERSION, tls.DEFAULT_MAX_VERSION);
