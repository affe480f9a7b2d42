/** Episodes: runs of rows whose score is above the line. */

const GAP = 24; // rows up to this far apart belong to the same episode

/** @typedef {{first: number, last: number, rows: number, peak: number}} Episode peak: the row of the highest score */

/** @param {Float64Array} scores @param {number} line @returns {Episode[]} in their order */
export function episodesOf(scores, line) {
  /** @type {Episode[]} */
  const found = [];
  for (let row = 0; row < scores.length; row++) {
    if (!(scores[row] > line)) continue;
    const current = found[found.length - 1];
    if (current && row - current.last <= GAP) {
      current.last = row;
      current.rows++;
      if (scores[row] > scores[current.peak]) current.peak = row;
    } else found.push({ first: row, last: row, rows: 1, peak: row });
  }
  return found;
}

/** Mean and standard deviation. @param {Float64Array} values @returns {{mean: number, deviation: number}} */
export function spread(values) {
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return { mean, deviation: Math.sqrt(squares / values.length) };
}
