/** DeepAR's page: a forecast that follows its controls. */

import { axis, Chart, colour } from "../../chart.js";
import { check, chooser, make, slider } from "../../dom.js";
import { short } from "../../numbers.js";
import { newest } from "../../server.js";
import { Fan } from "./fan.js";
import { readSeries } from "./series.js";
import { pandasText } from "./steps.js";

const MOST_SAMPLES = 500;
const MOST_LISTED = 500; // categories of a list
const MOST_COPIED = 1000; // values in a program
const JSON_TYPE = "application/json";

/** @param {HTMLElement} root @param {any} kit see main.js */
export function create(root, kit) {
  const view = new Forecasts(root, kit);
  if (kit.model.data.losses.length > 1) showLosses(kit.figures, kit.model.data);
  return view;
}

class Forecasts {
  /** @param {HTMLElement} root @param {any} kit */
  constructor(root, kit) {
    this.kit = kit;
    this.title = "Forecast";
    this.data = kit.model.data;
    /** @type {import("./series.js").Reading} */
    this.reading = { series: [], how: "", asIs: true, picks: [] };
    this.chosen = 0;
    /** @type {Record<string, number>} */
    this.picked = {};
    this.heldOut = false;
    const again = () => this.ask().catch(kit.refuse);
    const percent = (/** @type {number} */ value) => `${value} %`;
    this.confidence = slider({
      label: "Confidence",
      id: "confidence",
      min: 60,
      max: 95,
      step: 1,
      value: 80,
      shown: percent,
      change: again,
    });
    this.history = slider({
      label: "History shown",
      id: "history",
      min: 1,
      max: 1,
      step: 1,
      value: 1,
      change: () => this.draw(),
    });
    this.samples = slider({
      label: "Samples",
      id: "samples",
      min: 10,
      max: MOST_SAMPLES,
      step: 10,
      value: 100,
      change: again,
    });
    this.missing = slider({
      label: "Missing values",
      id: "missing",
      min: 0,
      max: 95,
      step: 5,
      value: 0,
      shown: percent,
      change: again,
    });
    this.paths = check("sample paths", true, () => this.draw());
    this.holdOut = check(`hold out the last ${this.data.prediction_length} values`, false, (checked) => {
      this.heldOut = checked;
      again();
    });
    this.lists = make("div", { class: "controls" });
    this.switches = make("div", { class: "bar" }, this.paths, this.holdOut);
    const sliders = [this.confidence, this.history, this.samples, this.missing].map(({ node }) => node);
    this.chart = make("div", {});
    root.append(this.lists, make("div", { class: "controls" }, ...sliders), this.switches, this.chart);
    /** @type {Fan | null} */
    this.fan = null;
    this.ask = newest((signal) => this.forecast(signal));
  }

  /** Show the user's data. @param {import("../../input.js").Given} given */
  async open(given) {
    if (given !== this.given) this.picked = {};
    this.given = given;
    const open = () => this.open(given).catch(this.kit.refuse);
    if (given.type !== "text/csv" && !given.example) {
      await this.verify(given);
      if (given !== this.given) return; // newer data has come meanwhile
    }
    this.reading = readSeries(given, this.kit.model, this.picked, open);
    this.kit.input.say(this.reading.how);
    this.kit.input.picks.replaceChildren(
      ...(this.reading.picks.length ? [make("div", { class: "bar below" }, ...this.reading.picks)] : []),
    );
    await this.choose(0);
  }

  /** All of the request at first, so that a refusal names its place in what the user gave. @param {any} given */
  async verify({ bytes, type }) {
    await this.kit.ask({ body: bytes, type, accept: JSON_TYPE }, undefined, { quiet: true });
  }

  /** @param {number} index of a series */
  async choose(index) {
    this.chosen = index;
    const { series } = this.reading;
    const one = series[index];
    const length = one.target.length;
    const wanted = Math.min(length, Math.max(4 * this.data.prediction_length, this.data.context_length));
    this.history.limit(length, wanted);
    const short = one.dynamic.some((row) => row.length < length + this.data.prediction_length);
    this.heldOut = !one.actual && (short || !this.given?.example) && length > this.data.prediction_length;
    const box = this.holdOut.firstChild;
    box.checked = this.heldOut;
    box.disabled = short;
    this.holdOut.hidden = Boolean(one.actual) || length <= this.data.prediction_length;
    this.cat = this.data.cardinality.map((/** @type {number} */ _, /** @type {number} */ at) => one.cat[at] ?? 0);
    this.lists.replaceChildren(...this.choosers());
    this.lists.hidden = !this.lists.children.length;
    await this.ask();
  }

  choosers() {
    const names = this.reading.series.map(({ name }) => name);
    const lists = [];
    if (names.length > 1)
      lists.push(chooser("Series", names, this.chosen, (index) => this.choose(index).catch(this.kit.refuse)));
    this.data.cardinality.forEach((/** @type {number} */ size, /** @type {number} */ at) => {
      if (size > MOST_LISTED) return;
      const label = this.data.cardinality.length > 1 ? `Category ${at}` : "Category";
      const options = Array.from({ length: size }, (_, value) => String(value));
      lists.push(
        chooser(label, options, this.cat[at], (value) => {
          this.cat[at] = value;
          this.ask().catch(this.kit.refuse);
        }),
      );
    });
    return lists;
  }

  /** The chosen series as it is asked: without what is held out, and without what the slider removes. */
  asked() {
    const one = this.reading.series[this.chosen];
    const ahead = this.data.prediction_length;
    const end = one.target.length - (this.heldOut ? ahead : 0);
    const target = one.target.slice(0, end);
    const share = this.missing.value / 100;
    for (let at = 0; at < end; at++) if (scatter(at) < share) target[at] = NaN;
    const actual = this.heldOut ? one.target.slice(end) : one.actual;
    return { start: one.start, target, actual, dynamic: one.dynamic.map((row) => row.slice(0, end + ahead)) };
  }

  /** @param {AbortSignal} signal */
  async forecast(signal) {
    const drawn = this.asked();
    const outside = (100 - this.confidence.value) / 200;
    const levels = /** @type {[string, string]} */ (
      [outside, 1 - outside].map((level) => String(Number(level.toFixed(4))))
    );
    const values = (/** @type {Float64Array} */ row) =>
      Array.from(row, (value) => (Number.isNaN(value) ? null : value));
    const start = new Date(drawn.start * 1000);
    const instance = {
      start: Number.isNaN(start.getTime()) ? "" : start.toISOString().slice(0, 19).replace("T", " "),
      target: values(drawn.target),
      ...(this.cat.length ? { cat: this.cat } : {}),
      ...(drawn.dynamic.length ? { dynamic_feat: drawn.dynamic.map(values) } : {}),
    };
    const configuration = {
      num_samples: this.samples.value,
      output_types: ["quantiles", "samples"],
      quantiles: [levels[0], "0.5", levels[1]],
      seed: 1,
    };
    const body = JSON.stringify({ instances: [instance], configuration });
    const note = { client: this.client(instance, configuration) };
    const answer = await this.kit.ask({ body, type: JSON_TYPE, accept: JSON_TYPE }, signal, note);
    const { quantiles, samples } = JSON.parse(new TextDecoder().decode(answer.bytes)).predictions[0];
    this.kit.input.clear();
    this.latest = {
      drawn,
      levels,
      forecast: { median: quantiles["0.5"], low: quantiles[levels[0]], high: quantiles[levels[1]], samples },
    };
    this.draw();
  }

  draw() {
    if (!this.latest) return;
    const { drawn, levels, forecast } = this.latest;
    this.fan ??= new Fan(this.chart, this.data);
    const samples = this.paths.firstChild.checked ? forecast.samples : [];
    this.fan.show(drawn, { ...forecast, samples }, this.history.value, levels);
  }

  /** The same with our client. @param {any} instance @param {any} configuration */
  client({ start, target, cat, dynamic_feat: features }, { num_samples: samples, quantiles }) {
    const python = (/** @type {any} */ value) =>
      JSON.stringify(value).replaceAll("null", 'float("nan")').replaceAll(",", ", ");
    const long = target.length > MOST_COPIED;
    const lines = ["import forecastle", "import pandas as pd", ""];
    if (long) lines.splice(0, 0, "import json", "");
    if (long) lines.push('instance = json.load(open("request.json"))["instances"][0]');
    const values = long ? 'instance["target"]' : python(target);
    lines.push(
      "series = pd.Series(",
      `    ${values},`,
      `    index=pd.date_range("${start}", periods=${target.length}, freq="${pandasText(this.data.frequency)}"),`,
      "    dtype=float,",
      ")",
      `predictor = forecastle.DeepARPredictor("${this.kit.url}")`,
      "forecast = predictor.predict(",
      "    series,",
    );
    if (cat) lines.push(`    cat=${python(cat)},`);
    if (features) lines.push(`    dynamic_feat=${long ? 'instance["dynamic_feat"]' : python(features)},`);
    lines.push(`    num_samples=${samples},`, `    quantiles=${python(quantiles)},`, ")", "print(forecast)");
    return lines.join("\n");
  }
}

/** A number in [0, 1) that looks random and is the same each time. @param {number} index */
function scatter(index) {
  let bits = Math.imul(index + 1, 0x9e3779b1);
  bits = Math.imul(bits ^ (bits >>> 15), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return ((bits ^ (bits >>> 16)) >>> 0) / 2 ** 32;
}

/** The loss of each epoch of the training. @param {HTMLElement} root @param {any} data */
function showLosses(root, { losses, best_epoch: best }) {
  const chart = new Chart({
    title: "Training loss by epoch",
    keys: [],
    height: 130,
    read: (index) => `epoch ${index}: ${short(losses[index])}${index === best ? ", the model's epoch" : ""}`,
    start: () => best ?? losses.length - 1,
    describe: () => `Training loss of ${losses.length} epochs, from ${short(losses[0])} to ${short(losses.at(-1))}.`,
    columns: ["epoch", "loss"],
    row: (index) => [String(index), short(losses[index])],
    plot: {
      scales: { x: { time: false } },
      series: [{}, { stroke: () => colour("--sea"), width: 1.5, points: { show: false } }],
      axes: [
        axis({ space: 40, size: 30, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] }),
        axis({ size: 44, space: 30, values: (/** @type {any} */ _, /** @type {number[]} */ at) => at.map(short) }),
      ],
    },
  });
  root.prepend(chart.node);
  chart.show([losses.map((/** @type {number} */ _, /** @type {number} */ at) => at), losses]);
}
