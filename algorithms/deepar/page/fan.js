/** The fan chart: history, median, a band between two quantiles, sample paths, and what came. */

import { alone, axis, Chart, colour, faint, key, timeAxis } from "../../chart.js";
import { make } from "../../dom.js";
import { short, timeText } from "../../numbers.js";
import { isDaily, stepTimes } from "./steps.js";

/**
 * @typedef {{median: number[], low: number[], high: number[], samples: number[][]}} Forecast
 * @typedef {{start: number, target: Float64Array, actual: Float64Array | null, dynamic: Float64Array[]}} Drawn
 */

const PATHS = 40; // sample paths that are drawn, at most
const TOGETHER = "forecast";
const points = { show: false, size: 4, filter: alone };

/** A range with room above and below. @param {any} _ @param {number} least @param {number} most */
function withRoom(_, least, most) {
  const room = (most - least || Math.abs(most) || 1) * 0.12;
  return [least - room, most + room];
}

export class Fan {
  /** @param {HTMLElement} root @param {any} data the model's */
  constructor(root, data) {
    this.data = data;
    this.daily = isDaily(data.frequency);
    /** @type {{from: number, times: Float64Array, forecast: Forecast, drawn: Drawn, levels: [string, string]}} */
    this.now = /** @type {any} */ (null);
    this.chart = new Chart({
      title: "History and forecast",
      keys: [],
      height: 320,
      together: TOGETHER,
      zoom: true,
      read: (index) => this.read(index),
      describe: () => this.describe(),
      start: () => this.chart.data[0].length - this.now.forecast.median.length,
      columns: ["time", "history", "actual", "median", "low", "high"],
      row: (index) => this.row(index),
      plot: {
        series: [
          {},
          { stroke: () => colour("--ink"), width: 1.5, points: { size: 4, filter: alone } },
          { stroke: () => colour("--ink"), width: 1.5, dash: [2, 3], points },
          { stroke: () => colour("--sea"), width: 2.25, points },
          { stroke: () => faint("--sea", 0.5), width: 1, points },
          { stroke: () => faint("--sea", 0.5), width: 1, points },
        ],
        bands: [{ series: [4, 5], fill: () => faint("--sea", 0.2) }],
        axes: [
          timeAxis(),
          axis({ size: 56, values: (/** @type {any} */ _, /** @type {number[]} */ at) => at.map(short) }),
        ],
        hooks: { drawAxes: [(/** @type {any} */ u) => this.drawPaths(u)] },
      },
    });
    this.features = make("div", {});
    /** @type {Chart[]} */
    this.rows = [];
    root.append(this.chart.node, this.features);
  }

  /**
   * @param {Drawn} drawn @param {Forecast} forecast @param {number} shown steps of history
   * @param {[string, string]} levels the band's quantiles
   */
  show(drawn, forecast, shown, levels) {
    const { target, actual } = drawn;
    const ahead = forecast.median.length;
    const from = Math.max(0, target.length - shown);
    const times = stepTimes(drawn.start, this.data.frequency, target.length + ahead);
    const x = Array.from(times.subarray(from));
    const history = target.length - from;
    const padded = (/** @type {ArrayLike<number>} */ values, before = history) =>
      Array.from({ length: x.length }, (_, at) => {
        const value = values[at - before];
        return value === undefined || Number.isNaN(value) ? null : value;
      });
    this.now = { from, times, forecast, drawn, levels };
    const percents = levels.map((level) => `${short(Number(level) * 100)} %`);
    this.chart.legend([
      key("history", { colour: "--ink" }),
      actual && key("actual values", { colour: "--ink", dash: "2 3" }),
      key("median", { colour: "--sea", width: 3 }),
      key(percents.join(" to "), { colour: "--sea", band: true }),
      forecast.samples.length ? key("sample paths", { colour: "--sea", width: 1 }) : null,
    ]);
    this.chart.show([
      x,
      padded(target.subarray(from), 0),
      padded(actual ?? []),
      padded(forecast.median),
      padded(forecast.high),
      padded(forecast.low),
    ]);
    this.showFeatures(
      x,
      drawn.dynamic.map((row) => padded(row.subarray(from), 0)),
    );
  }

  /** @param {number[]} x @param {(number | null)[][]} features */
  showFeatures(x, features) {
    while (this.rows.length < features.length) this.rows.push(this.feature(this.rows.length));
    this.rows.length = features.length;
    const nodes = this.rows.map((row) => row.node);
    if (nodes.some((node, at) => this.features.children[at] !== node) || this.features.children.length !== nodes.length)
      this.features.replaceChildren(...nodes);
    this.rows.forEach((row, at) => row.show([x, features[at]]));
  }

  /** @param {number} number */
  feature(number) {
    const value = (/** @type {number} */ index) => short(/** @type {any} */ (chart.data[1][index]));
    /** @type {Chart} */
    const chart = new Chart({
      title: `Dynamic feature ${number}`,
      keys: [],
      height: 96,
      together: TOGETHER,
      read: (index) => `${this.time(index)}: ${value(index)}`,
      start: () => 0,
      describe: () => `Dynamic feature ${number}, from ${value(0)} to ${value(chart.data[0].length - 1)}.`,
      columns: ["time", "value"],
      row: (index) => [this.time(index), value(index)],
      plot: {
        scales: { y: { range: withRoom } },
        series: [{}, { stroke: () => colour("--mark"), width: 1.5, points }],
        axes: [
          axis({ show: false }),
          axis({ size: 56, space: 24, values: (/** @type {any} */ _, /** @type {number[]} */ at) => at.map(short) }),
        ],
      },
    });
    return chart;
  }

  /** @param {any} u */
  drawPaths(u) {
    const { from, times, forecast, drawn } = this.now;
    const { ctx, bbox } = u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.lineWidth = devicePixelRatio;
    ctx.strokeStyle = faint("--sea", 0.16);
    const first = drawn.target.length;
    ctx.beginPath();
    for (const path of forecast.samples.slice(0, PATHS))
      path.forEach((value, step) => {
        const x = u.valToPos(times[first + step], "x", true);
        const y = u.valToPos(value, "y", true);
        if (step === 0) ctx.moveTo(x, y);
        else ctx.lineTo(x, y);
      });
    ctx.stroke();
    if (first > from) {
      const x = u.valToPos((times[first - 1] + times[first]) / 2, "x", true);
      ctx.beginPath();
      ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
      ctx.strokeStyle = colour("--soft");
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  }

  /** @param {number} index */
  time(index) {
    return timeText(/** @type {number} */ (this.chart.data[0][index]), this.daily);
  }

  /** @param {number} index */
  read(index) {
    const [, history, actual, median, high, low] = this.chart.data.map((column) => column[index]);
    const parts = [];
    if (history !== null) parts.push(`history ${short(history)}`);
    if (median !== null) parts.push(`median ${short(median)}`, `${this.band()} ${short(low)} to ${short(high)}`);
    if (actual !== null) parts.push(`actual ${short(actual)}`);
    return `${this.time(index)}: ${parts.join(", ") || "no value"}`;
  }

  band() {
    return this.now.levels.map((level) => short(Number(level) * 100)).join("–") + " %";
  }

  describe() {
    const { forecast, drawn, times } = this.now;
    const last = forecast.median.length - 1;
    const at = (/** @type {number} */ step) => timeText(times[drawn.target.length + step], this.daily);
    const words = (/** @type {number} */ step) =>
      `median ${short(forecast.median[step])}, ${this.band()} ${short(forecast.low[step])} to ${short(forecast.high[step])} at ${at(step)}`;
    return `Forecast of ${last + 1} steps: ${words(0)}; ${words(last)}. Arrow keys read the values.`;
  }

  /** @param {number} index */
  row(index) {
    const [, history, actual, median, high, low] = this.chart.data.map((column) => column[index]);
    return [this.time(index), ...[history, actual, median, low, high].map(short)];
  }
}
