// Integers and floats are written and read at every width and order.
const b = Buffer.alloc(8);
for (const [w, r, v] of [
  ['writeUInt8', 'readUInt8', 200],
  ['writeInt8', 'readInt8', -5],
  ['writeUInt16LE', 'readUInt16LE', 65000],
  ['writeUInt16BE', 'readUInt16BE', 65000],
  ['writeInt16BE', 'readInt16BE', -300],
  ['writeUInt32LE', 'readUInt32LE', 4e9],
  ['writeInt32BE', 'readInt32BE', -2e9],
  ['writeFloatLE', 'readFloatLE', 1.5],
  ['writeFloatBE', 'readFloatBE', 0.1],
  ['writeDoubleLE', 'readDoubleLE', Math.PI],
  ['writeDoubleBE', 'readDoubleBE', -1e300],
  ['writeBigInt64LE', 'readBigInt64LE', -5n],
  ['writeBigUInt64BE', 'readBigUInt64BE', 2n ** 63n],
]) {
  b.fill(0);
  console.log(w, b[w](v), b.toString('hex'), b[r]());
}
console.log(
  b.writeUIntBE(0x123456789a, 0, 5),
  b.readUIntBE(0, 5).toString(16),
  b.writeIntLE(-123456, 1, 6),
  b.readIntLE(1, 6),
  b.readUint8 === b.readUInt8,
);
const t = (f) => {
  try {
    console.log(f());
  } catch (e) {
    console.log(e.name, e.code, e.message);
  }
};
t(() => b.readUInt8(8));
t(() => b.readUInt8(1.5));
t(() => b.readInt32LE(5));
t(() => b.writeUInt8(256));
t(() => b.writeInt8(-129));
t(() => b.writeUInt32BE(-1));
t(() => b.readUIntBE(0, 7));
t(() => b.readUInt8('0'));
t(() => b.writeBigInt64LE(5));
t(() => b.writeBigUInt64LE(-1n));
t(() => Buffer.alloc(1).readDoubleLE());
b.writeDoubleLE(NaN);
console.log(
  b.readDoubleLE(),
  Buffer.from([1, 2, 3, 4, 5, 6, 7, 8]).swap16(),
  Buffer.from([1, 2, 3, 4]).swap32(),
  Buffer.from([1, 2, 3, 4, 5, 6, 7, 8]).swap64(),
);
t(() => Buffer.alloc(3).swap16());
