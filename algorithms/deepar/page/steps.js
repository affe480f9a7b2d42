/** The steps of a series: from a start and a frequency to times, and back. */

/** @typedef {{multiple: number, unit: "M" | "W" | "D" | "H" | "min"}} Frequency */

const SECONDS = { W: 604800, D: 86400, H: 3600, min: 60 };
const NAMES = { M: "month", W: "week", D: "day", H: "hour", min: "minute" };

/** The times of `count` steps, in seconds. @param {number} start @param {Frequency} frequency @param {number} count */
export function stepTimes(start, { multiple, unit }, count) {
  const times = new Float64Array(count);
  if (unit === "M") {
    const first = new Date(start * 1000);
    for (let step = 0; step < count; step++)
      times[step] = Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + multiple * step, 1) / 1000;
  } else {
    for (let step = 0; step < count; step++) times[step] = start + step * multiple * SECONDS[unit];
  }
  return times;
}

/** The step that a time belongs to. @param {number} start @param {Frequency} frequency @param {number} time */
export function stepAt(start, { multiple, unit }, time) {
  if (unit !== "M") return Math.floor((time - start) / (multiple * SECONDS[unit]) + 1e-6);
  const [first, then] = [new Date(start * 1000), new Date(time * 1000)];
  const months = (then.getUTCFullYear() - first.getUTCFullYear()) * 12 + then.getUTCMonth() - first.getUTCMonth();
  return Math.floor(months / multiple);
}

/** @param {Frequency} frequency */
export const isDaily = ({ unit }) => unit === "M" || unit === "W" || unit === "D";

/** A frequency in words: 2 hours. @param {Frequency} frequency */
export const spelled = ({ multiple, unit }) => (multiple === 1 ? NAMES[unit] : `${multiple} ${NAMES[unit]}s`);

/** As pandas spells it. @param {Frequency} frequency */
export const pandasText = ({ multiple, unit }) =>
  `${multiple === 1 ? "" : multiple}${{ M: "MS", W: "W-SUN", D: "D", H: "h", min: "min" }[unit]}`;
