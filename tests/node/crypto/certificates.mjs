// Certificates: names of every kind with their quotes, checks, keys, the plain object, messages; and SPKAC.
import { Certificate, createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';

const attempt = (f) => {
  try {
    return f();
  } catch (e) {
    return [e.name, e.code, e.message];
  }
};
const elliptic = `-----BEGIN CERTIFICATE-----
MIIC8DCCApegAwIBAgIFAQKrze8wCgYIKoZIzj0EAwIwSzELMAkGA1UEBhMCQ0gx
FTATBgNVBAoMDENlbm90ZSwgSW5jLjEMMAoGA1UECwwDVHdvMRcwFQYDVQQDDA5j
ZW5vdGUuZXhhbXBsZTAgFw0yNjExMjExNzMyMDlaGA8yMTI2MTAyODE3MzIwOVow
SzELMAkGA1UEBhMCQ0gxFTATBgNVBAoMDENlbm90ZSwgSW5jLjEMMAoGA1UECwwD
VHdvMRcwFQYDVQQDDA5jZW5vdGUuZXhhbXBsZTBZMBMGByqGSM49AgEGCCqGSM49
AwEHA0IABEwNwli0vjsppLStTuJw0g1jZYgrdjMJ8iNmf/9gbSAQ7m2kQ3bj/RpM
CICQjElUFGwiX+6rPyrDA3U9ZBKH3HmjggFkMIIBYDAPBgNVHRMBAf8EBTADAQH/
MIG3BgNVHREEga8wgayCDmNlbm90ZS5leGFtcGxlgg4qLndpbGQuZXhhbXBsZYEQ
YUBjZW5vdGUuZXhhbXBsZYYUaHR0cDovL3guZXhhbXBsZS9hLGKHBH8AAAGHECAB
DbgAAAAAAAAAAAAAAAGIAyoDBKQrMCkxEjAQBgNVBAMMCURpciwgTmFtZTETMBEG
A1UECgwKw4PCvG5pY29kZaAUBgorBgEEAYI3FAIDoAYMBHVwLG6CAmFiMEgGCCsG
AQUFBwEBBDwwOjAgBggrBgEFBQcwAYYUaHR0cDovL29jc3AuZXhhbXBsZS8wFgYI
KwYBBQUHMAKCCmNhLmV4YW1wbGUwHQYDVR0lBBYwFAYIKwYBBQUHAwEGCCsGAQUF
BwMCMAsGA1UdDwQEAwIChDAdBgNVHQ4EFgQUBMmWKGmBpiNiLGKM1clUk41ebjUw
CgYIKoZIzj0EAwIDRwAwRAIgfv8IQfndbkNUZOOx9fWDOqSHP4QdfUJX+rWY3aZC
Fu8CIHRU/ZblI6RLPYjo4O+i0XJ8b3zF5HqwzZg0NiGyUhgY
-----END CERTIFICATE-----
`;
const ellipticKey = `-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIF+yoEVj5RrmRZ/eEY7+G9eBtu+tPlrPao5/B2NZlvDSoAoGCCqGSM49
AwEHoUQDQgAETA3CWLS+OymktK1O4nDSDWNliCt2MwnyI2Z//2BtIBDubaRDduP9
GkwIgJCMSVQUbCJf7qs/KsMDdT1kEofceQ==
-----END EC PRIVATE KEY-----
`;
const rsa = `-----BEGIN CERTIFICATE-----
MIICDzCCAXigAwIBAgIBBzANBgkqhkiG9w0BAQsFADAiMRQwEgYDVQQDDAtyc2Eu
ZXhhbXBsZTEKMAgGA1UECgwBQjAgFw0yNjExMjExNzMwMzdaGA8yMTI2MTAyODE3
MzAzOFowIjEUMBIGA1UEAwwLcnNhLmV4YW1wbGUxCjAIBgNVBAoMAUIwgZ8wDQYJ
KoZIhvcNAQEBBQADgY0AMIGJAoGBAMrzUZaWCVZG/ykT4JB1usYbZed9vhBD9JnG
XI5kzVWhNWzCdZgdis+p9jKpmfRQHvbAZlS5e7w0uCRC+PC/ottOFIT7ysLvudXB
xWGR0LhHq5FAiG3BBdOgy4hfLYBKtUnowSIJrzKgCzQGD/MzO+p8lHrRaEVZ4/EW
Ifo7tsuPAgMBAAGjUzBRMB0GA1UdDgQWBBSGWLuDm2tOK3v/u6kZpc0kjfSwHDAf
BgNVHSMEGDAWgBSGWLuDm2tOK3v/u6kZpc0kjfSwHDAPBgNVHRMBAf8EBTADAQH/
MA0GCSqGSIb3DQEBCwUAA4GBADvxZ3ulkONyIutacziRSdC7DZ4Ji+D6HwPSGivb
408wgEcaUjRG+0BwQnzlN/AEIDz9SnS7R2sOsf5dYSsrsKwR86CGFP0KQ1qgfsRp
JMfK+Ja+s0hjtqdC8mTuh4t74W+1xNnlIqAGvDzpRvdXlTTWH7qxdlpKtJfhjeGI
TFL9
-----END CERTIFICATE-----
`;
for (const pem of [elliptic, rsa]) {
  const certificate = new X509Certificate(pem);
  console.log(certificate);
  console.log(certificate.toLegacyObject());
  console.log(certificate.ca, certificate.toString() === pem, certificate.raw.length, JSON.stringify(certificate) === JSON.stringify(pem));
  console.log(certificate.publicKey.asymmetricKeyType, certificate.publicKey.asymmetricKeyDetails);
  console.log(certificate.verify(certificate.publicKey), certificate.checkIssued(certificate), certificate.issuerCertificate);
  const copy = structuredClone(certificate);
  console.log(copy instanceof X509Certificate, copy.fingerprint512 === certificate.fingerprint512);
  const again = new X509Certificate(certificate.raw);
  console.log(again.serialNumber, again.validToDate.getTime() === Date.parse(again.validTo));
}
const certificate = new X509Certificate(elliptic);
for (const host of ['cenote.example', 'CENOTE.example', 'a.wild.example', 'a.b.wild.example', 'other.example', '', 'a\0b']) {
  console.log(host, attempt(() => certificate.checkHost(host)), attempt(() => certificate.checkHost(host, { wildcards: false })));
}
for (const address of ['a@cenote.example', 'b@cenote.example', 'a']) console.log(address, attempt(() => certificate.checkEmail(address)));
for (const address of ['127.0.0.1', '2001:db8:0::1', '8.8.8.8', 'x']) console.log(address, attempt(() => certificate.checkIP(address)));
console.log(certificate.checkPrivateKey(createPrivateKey(ellipticKey)), createPublicKey(elliptic).equals(certificate.publicKey));
console.log(new X509Certificate(rsa).checkIssued(certificate), new X509Certificate(rsa).verify(certificate.publicKey));
for (const bad of ['', 'x', elliptic.slice(0, 100), Buffer.alloc(20)]) console.log(attempt(() => new X509Certificate(bad)));

const spkac = 'MIIBPzCBqTCBnzANBgkqhkiG9w0BAQEFAAOBjQAwgYkCgYEAyvNRlpYJVkb/KRPgkHW6xhtl532+EEP0mcZcjmTNVaE1bMJ1mB2Kz6n2MqmZ9FAe9sBmVLl7vDS4JEL48L+i204UhPvKwu+51cHFYZHQuEerkUCIbcEF06DLiF8tgEq1SejBIgmvMqALNAYP8zM76nyUetFoRVnj8RYh+ju2y48CAwEAARYFaGVsbG8wDQYJKoZIhvcNAQEEBQADgYEAGBi59jFYSCK1xxiBjseRbxdDAQqyCg/y43vvpa6JF1RamHgR+oZtU4uRADwZ/65oLS4rgEcZW3H/i3OBS3xc6x5TYX/W63CbmujYDWN5Ya/EU+wuaMCRYx1zpF0BY5ABlJS6j7KITkQhKWmnDDoFJ+Jzb0/Zm73L63EfPIQGmlo=';
console.log(Certificate.verifySpkac(spkac), Certificate.verifySpkac(`${spkac}\n \n`), Certificate.verifySpkac(spkac.replace('M', 'N')));
console.log(Certificate.exportChallenge(spkac).toString(), Certificate.exportPublicKey(spkac).toString());
console.log([Certificate.exportChallenge('x'), Certificate.exportPublicKey(''), Certificate.verifySpkac('')]);
