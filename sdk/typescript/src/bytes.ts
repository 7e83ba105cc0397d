/** Text and bytes. */

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Bytes of text or of any view, not copied. */
export function toBytes(data: string | Uint8Array | ArrayBufferView | ArrayBuffer): Uint8Array<ArrayBuffer> {
  if (typeof data === "string") return encoder.encode(data);
  if (data instanceof Uint8Array) return data as Uint8Array<ArrayBuffer>;
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  return new Uint8Array(data);
}

/** Text of bytes; what is not UTF-8 is replaced. */
export function toText(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** One array of several. */
export function concat(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length === 1) return chunks[0] as Uint8Array;
  const whole = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.byteLength, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}

/** Pieces of at most `size` bytes. */
export function* pieces(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}
