/** RecordIO of protobuf records, as SageMaker has it: the rows' numbers, for the chart. */

const MAGIC = 0xced7230a;

/** @param {Uint8Array} bytes */
export const isRecordIo = (bytes) =>
  bytes.length >= 8 && new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true) === MAGIC;

/**
 * The rows; a sparse one is filled up to `width`. Throws a RangeError where the bytes end within a record.
 * @param {Uint8Array} bytes @param {number} width
 * @returns {Float64Array[]}
 */
export function readRecordIo(bytes, width) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const rows = [];
  let part = /** @type {Uint8Array[]} */ ([]);
  for (let at = 0; at < bytes.length;) {
    const head = view.getUint32(at + 4, true);
    const length = head & 0x1fffffff;
    const flag = head >>> 29; // 0 whole, 1 first, 2 middle, 3 last
    part.push(bytes.subarray(at + 8, at + 8 + length));
    at += 8 + ((length + 3) & ~3);
    if (flag === 0 || flag === 3) {
      rows.push(readRecord(joined(part), width));
      part = [];
    }
  }
  return rows;
}

/** @param {Uint8Array[]} parts */
function joined(parts) {
  if (parts.length === 1) return parts[0];
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** @param {Uint8Array} record @param {number} width */
function readRecord(record, width) {
  for (const [field, entry] of fields(record))
    if (field === 1)
      for (const [inner, value] of fields(/** @type {Uint8Array} */ (entry)))
        if (inner === 2)
          for (const [kind, tensor] of fields(/** @type {Uint8Array} */ (value)))
            return readTensor(/** @type {Uint8Array} */ (tensor), kind, width);
  return new Float64Array(width).fill(NaN);
}

/** @param {Uint8Array} tensor @param {number} kind 2 float32, 3 float64, 7 int32 @param {number} width */
function readTensor(tensor, kind, width) {
  /** @type {number[]} */
  const values = [];
  /** @type {number[]} */
  const keys = [];
  for (const [field, value] of fields(tensor)) {
    if (field === 1) values.push(...numbers(value, kind));
    else if (field === 2) keys.push(...numbers(value, 7));
  }
  if (!keys.length) return Float64Array.from(values);
  const row = new Float64Array(width);
  keys.forEach((at, index) => (row[at] = values[index]));
  return row;
}

/** @param {Uint8Array | number} value @param {number} kind @returns {number[]} */
function numbers(value, kind) {
  if (typeof value === "number") return [value];
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const found = [];
  if (kind === 2) for (let at = 0; at < value.length; at += 4) found.push(view.getFloat32(at, true));
  else if (kind === 3) for (let at = 0; at < value.length; at += 8) found.push(view.getFloat64(at, true));
  else
    for (let at = 0; at < value.length;) {
      const [number, next] = varint(value, at);
      found.push(number);
      at = next;
    }
  return found;
}

/** The fields of a message. @param {Uint8Array} bytes @returns {Generator<[number, Uint8Array | number]>} */
function* fields(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length;) {
    const [tag, start] = varint(bytes, at);
    const wire = tag & 7;
    at = start;
    if (wire === 0) {
      const [value, next] = varint(bytes, at);
      at = next;
      yield [tag >>> 3, value];
    } else if (wire === 2) {
      const [length, next] = varint(bytes, at);
      at = next + length;
      yield [tag >>> 3, bytes.subarray(next, at)];
    } else if (wire === 5) {
      at += 4;
      yield [tag >>> 3, view.getFloat32(at - 4, true)];
    } else {
      at += 8;
      yield [tag >>> 3, view.getFloat64(at - 8, true)];
    }
  }
}

/** @param {Uint8Array} bytes @param {number} at @returns {[number, number]} the number, and where it ends */
function varint(bytes, at) {
  let value = 0;
  for (let factor = 1; ; factor *= 128) {
    if (at >= bytes.length) throw new RangeError("a record ends within a number");
    const byte = bytes[at++];
    value += (byte & 127) * factor;
    if (byte < 128) return [value, at];
  }
}
