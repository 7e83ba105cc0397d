// The algorithms there are, and a cipher that builds of OpenSSL like to leave out.
import crypto from "node:crypto";
import tls from "node:tls";

for (const names of [crypto.getCiphers(), crypto.getHashes(), crypto.getCurves(), tls.getCiphers()]) {
  console.log(names.length, names.join(" "));
}
const [key, iv] = [Buffer.alloc(32, 1), Buffer.alloc(16, 2)];
for (const name of ["camellia-256-cbc", "camellia256", "aria-256-gcm", "sm4-ctr"]) {
  const { mode, keyLength, ivLength = 0, blockSize } = crypto.getCipherInfo(name);
  console.log(name, mode, keyLength, ivLength, blockSize);
  const cipher = crypto.createCipheriv(name, key.subarray(0, keyLength), iv.subarray(0, ivLength));
  console.log(cipher.update("some text", "utf8", "hex") + cipher.final("hex"));
}
