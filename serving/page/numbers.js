/** Numbers and times as people read them. */

const FOUR_DIGITS = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** @param {number | null | undefined} value @returns {string} */
export function short(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e9 || (size > 0 && size < 1e-4)) return value.toExponential(2);
  return size >= 1000 ? WHOLE.format(value) : FOUR_DIGITS.format(value);
}

/** @param {number} value */
export const whole = (value) => WHOLE.format(value);

/** 1 row, 2,000 rows. @param {number} count @param {string} noun */
export const counted = (count, noun) => `${whole(count)} ${noun}${count === 1 ? "" : "s"}`;

/** A time as 2014-01-06 14:00, or a date where there is no time of day. @param {number} seconds @param {boolean} [daily] */
export function timeText(seconds, daily = false) {
  if (!Number.isFinite(seconds)) return "–";
  const text = new Date(seconds * 1000).toISOString();
  if (daily) return text.slice(0, 10);
  return `${text.slice(0, 10)} ${text.slice(11, text.slice(17, 19) === "00" ? 16 : 19)}`;
}

/** @param {number} bytes */
export function sizeText(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 2 ** 20 ? `${short(bytes / 1024)} KiB` : `${short(bytes / 2 ** 20)} MiB`;
}

const ISO =
  /^\s*(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?)?\s*(Z|[+-]\d{2}:?\d{2})?\s*$/;

/** Seconds since 1970 of a date or a time, in UTC if it has no offset; NaN if it is none. @param {string} text */
export function secondsOf(text) {
  const match = ISO.exec(text);
  if (!match) return NaN;
  const [, year, month, day, hour = "0", minute = "0", second = "0", zone = "Z"] = match;
  if (Number(month) > 12 || Number(day) > 31) return NaN;
  const local = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  const offset = zone === "Z" ? 0 : Number(`${zone[0]}1`) * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2)));
  return local / 1000 - offset * 60;
}
