/** Text and bytes. */

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Bytes of text or of any view, not copied.
 *
 * @throws {TypeError} for anything else.
 */
export function toBytes(data: string | Uint8Array | ArrayBufferView | ArrayBuffer): Uint8Array<ArrayBuffer> {
  if (typeof data === "string") return encoder.encode(data);
  if (data instanceof Uint8Array) return data as Uint8Array<ArrayBuffer>;
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  const other: unknown = data;
  if (other instanceof ArrayBuffer || other instanceof SharedArrayBuffer) return new Uint8Array(other as ArrayBuffer);
  throw new TypeError(`text or bytes are wanted, not ${other === null ? "null" : typeof other}`);
}

/** Text of bytes; what is not UTF-8 is replaced. */
export function toText(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** Encodings of text, by the names `node:fs` has for them. */
export type TextEncoding = "utf8" | "utf-8" | "utf16le" | "utf-16le" | "ucs2" | "ucs-2" | "base64" | "base64url" | "latin1" | "binary" | "ascii" | "hex";

/** @throws {TypeError} `ERR_INVALID_ARG_VALUE`, as Node's own, for what is no encoding. */
export function textIn(encoding: string): (bytes: Uint8Array) => string {
  if (typeof encoding !== "string" || !Buffer.isEncoding(encoding)) {
    const shown = typeof encoding === "string" ? `'${encoding}'` : typeof encoding;
    throw Object.assign(new TypeError(`The argument 'encoding' is invalid encoding. Received ${shown}`), { code: "ERR_INVALID_ARG_VALUE" });
  }
  return (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(encoding);
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
