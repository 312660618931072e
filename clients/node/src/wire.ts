/** A field of a message of protocol buffers: its number, and bytes or a number. */
export interface Field {
  readonly number: number;
  readonly value: Uint8Array | number;
}

/**
 * The fields of a message, for the few that an error's trailer holds.
 * @throws RangeError The bytes are no message.
 */
export function fields(bytes: Uint8Array): Field[] {
  const found: Field[] = [];
  let at = 0;
  const varint = (): number => {
    for (let value = 0, scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      if (byte === undefined || scale > 2 ** 63) throw new RangeError("no number");
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  const slice = (length: number): Uint8Array => {
    if (length > bytes.length - at) throw new RangeError("beyond the end");
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const key = varint();
    const [number, type] = [Math.floor(key / 8), key % 8];
    if (type === 0) found.push({ number, value: varint() });
    else if (type === 2) found.push({ number, value: slice(varint()) });
    else if (type === 1 || type === 5) slice(type === 1 ? 8 : 4);
    else throw new RangeError("no field");
  }
  return found;
}

/** Text in UTF-8. */
export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
