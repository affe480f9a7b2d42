/** Lanes: each column has its own part of the height and its own scale, above the scores. */

import { axis, colour } from "../../chart.js";
import { short } from "../../numbers.js";

const SCORES = 0.42; // of the height, at the bottom, that is the scores'
const ROOM = 0.1; // of a lane's height, above and below its values

/**
 * The range of the scores, below the lanes, so that the line is in view.
 * @param {number} least @param {number} most @param {number} line
 * @returns {[number, number]}
 */
export function scoreRange(least, most, line) {
  const top = Math.max(most, line);
  const bottom = Math.max(0, Math.min(least, line) - 0.15 * (top - least));
  return [bottom, bottom + (top - bottom || 1) / (SCORES - 0.03)];
}

/** Only the ticks of the scores that are below the lanes. @param {any} u @param {number[]} at */
export function scoreTicks({ scales: { score } }, at) {
  const top = score.min + SCORES * (score.max - score.min);
  return at.map((value) => (value > top ? null : value));
}

/** Where a lane's values lie, in parts of the height from the bottom. @param {number} lane @param {number} lanes @returns {[number, number]} */
function bounds(lane, lanes) {
  const height = (1 - SCORES) / lanes;
  const bottom = 1 - (lane + 1) * height;
  return [bottom + ROOM * height, bottom + (1 - ROOM) * height];
}

/** @param {number} lane from the top @param {number} lanes */
export const laneScale = (lane, lanes) => ({
  range: (/** @type {any} */ _, /** @type {number} */ least, /** @type {number} */ most) => {
    const [bottom, top] = bounds(lane, lanes);
    const height = (most - least || Math.abs(most) || 1) / (top - bottom);
    const min = least - bottom * height;
    return [min, min + height];
  },
});

/** The values of a lane's scale that are drawn: its least and its largest. @param {any} u @param {number} lane @param {number} lanes @returns {[number, number]} */
function extent(u, lane, lanes) {
  const { min, max } = u.scales[`lane${lane}`];
  const [bottom, top] = bounds(lane, lanes);
  return [min + bottom * (max - min), min + top * (max - min)];
}

/** The axis of one lane; of several only their extents are written, by `drawExtents`. @param {number} lanes */
export function laneAxis(lanes) {
  if (lanes !== 1)
    return axis({ scale: "lane0", size: 58, values: () => [], grid: { show: false }, ticks: { show: false } });
  const inside = (/** @type {any} */ u, /** @type {number[]} */ at) => {
    const [least, most] = extent(u, 0, 1);
    const room = (most - least) * 0.1;
    return at.map((value) => (value < least - room ? null : value));
  };
  const stroke = () => colour("--line");
  return axis({
    scale: "lane0",
    size: 58,
    values: (/** @type {any} */ _, /** @type {(number | null)[]} */ at) =>
      at.map((value) => (value === null ? "" : short(value))),
    filter: inside,
    grid: { stroke, width: 1, filter: inside },
    ticks: { stroke, width: 1, size: 5, filter: inside },
  });
}

/** Write the least and the largest value of each of several lanes beside it. @param {any} u @param {string[]} colours of the lanes */
export function drawExtents(u, colours) {
  const lanes = colours.length;
  if (lanes < 2) return;
  const { ctx, bbox } = u;
  ctx.save();
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textAlign = "right";
  colours.forEach((name, lane) => {
    ctx.fillStyle = colour(name);
    for (const [at, value] of extent(u, lane, lanes).entries()) {
      ctx.textBaseline = at ? "top" : "bottom";
      ctx.fillText(short(value), bbox.left - 8 * devicePixelRatio, u.valToPos(value, `lane${lane}`, true));
    }
    if (lane === 0) return;
    const y = bbox.top + (bbox.height * lane * (1 - SCORES)) / lanes;
    ctx.fillStyle = colour("--line");
    ctx.fillRect(bbox.left, y, bbox.width, devicePixelRatio);
  });
  ctx.restore();
}
