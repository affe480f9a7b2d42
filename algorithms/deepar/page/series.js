/** The user's data as series: a request in JSON or JSON Lines, or the columns of a CSV. */

import { faultIn, parseCsv } from "../../csv.js";
import { chooser } from "../../dom.js";
import { counted, secondsOf, whole } from "../../numbers.js";
import { Refused } from "../../server.js";
import { spelled, stepAt } from "./steps.js";

/**
 * @typedef {object} Series
 * @property {string} name
 * @property {number} start in seconds
 * @property {Float64Array} target NaN is missing
 * @property {number[]} cat
 * @property {Float64Array[]} dynamic each of the length of the target, or longer
 * @property {Float64Array | null} actual what followed the target, if it is known
 *
 * @typedef {object} Reading
 * @property {Series[]} series
 * @property {string} how what was read, in a sentence
 * @property {boolean} asIs whether the server reads the same bytes
 * @property {Node[]} picks controls that read it in another way
 */

const TYPES = { csv: "text/csv", lines: "application/jsonlines" };
const DEFAULT_START = Date.UTC(2024, 0, 1) / 1000;
const MOST_STEPS = 1_000_000;
const IDENTITY = /^(unique_?id|item_?id|series(_?id)?|id|customer|store|sku|name)$/i;
const VALUE = /^(y|value|target|demand|sales|count|load)$/i;

/**
 * @param {import("../../input.js").Given} given @param {any} model
 * @param {{time?: number, by?: number, value?: number}} picked columns of a CSV @param {() => void} again
 * @returns {Reading}
 */
export function readSeries(given, model, picked, again) {
  if (given.type === TYPES.csv) return fromCsv(given.text, model.data, picked, again);
  const { instances, how } = instancesOf(given);
  const known = given.example ? model.data.actual : [];
  const series = instances.map((instance, index) => fromInstance(instance, `series ${index + 1}`, known[index]));
  return { series, how: given.example ? "" : how, asIs: true, picks: [] };
}

/** @param {import("../../input.js").Given} given @returns {{instances: any[], how: string}} */
function instancesOf({ text, type }) {
  // Python writes NaN, which JSON does not have and the server accepts.
  const parse = (/** @type {string} */ part) => JSON.parse(part.replace(/(?<=[[,:\s])NaN(?=[\s,\]}])/g, "null"));
  try {
    if (type === TYPES.lines) {
      const lines = text.split("\n").filter((line) => line.trim());
      return { instances: lines.map(parse), how: `${whole(lines.length)} series, one a line.` };
    }
    const document = parse(text);
    const instances = document.instances ?? (Array.isArray(document) ? document : [document]);
    return {
      instances,
      how: `${whole(instances.length)} series of a request; its configuration is set by the controls.`,
    };
  } catch (error) {
    throw new Refused(`Expected JSON: ${/** @type {Error} */ (error).message}.`);
  }
}

/** @param {any} instance @param {string} name @param {any} [actual] @returns {Series} */
function fromInstance(instance, name, actual) {
  const numbers = (/** @type {any[]} */ values) =>
    Float64Array.from(values, (value) => (value === null || typeof value === "string" ? NaN : value));
  if (!Array.isArray(instance?.target)) throw new Refused(`${name}: expected "target", a list of values.`);
  return {
    name,
    start: secondsOf(String(instance.start)),
    target: numbers(instance.target),
    cat: instance.cat === undefined || instance.cat === null ? [] : [instance.cat].flat(),
    dynamic: (instance.dynamic_feat ?? []).map(numbers),
    actual: actual ? numbers(actual) : null,
  };
}

/**
 * @param {string} text @param {any} data @param {{time?: number, by?: number, value?: number}} picked
 * @param {() => void} again
 * @returns {Reading}
 */
function fromCsv(text, data, picked, again) {
  const table = parseCsv(text);
  const { columns } = table;
  const of = (/** @type {string} */ kind) => columns.flatMap((column, index) => (column.kind === kind ? [index] : []));
  picked.time ??= of("time")[0] ?? -1;
  picked.by ??= of("text").find((index) => IDENTITY.test(columns[index].name)) ?? of("text")[0] ?? identityOf(columns);
  const numeric = of("number").filter((index) => index !== picked.time && index !== picked.by);
  if (!numeric.length) throw new Refused("Expected a column of numbers, got none.");
  const long = picked.by >= 0 || data.num_dynamic_feat > 0;
  picked.value ??= long ? (numeric.find((index) => VALUE.test(columns[index].name)) ?? numeric[0]) : -1;
  const values = picked.value >= 0 ? [picked.value] : numeric;
  const features = numeric.filter((index) => index !== picked.value).slice(0, data.num_dynamic_feat);
  const fault = faultIn(table, [picked.time, ...values, ...features]);
  if (fault) throw new Refused(...fault);
  const groups = groupsOf(columns[picked.by], table.rows);
  const series = [];
  for (const [group, rows] of groups)
    for (const value of values) {
      const name = [group, ...(values.length > 1 || !group ? [columns[value].name] : [])].filter(Boolean).join(", ");
      series.push(
        onGrid(
          name,
          rows,
          columns[picked.time],
          columns[value],
          features.map((index) => columns[index]),
          data,
        ),
      );
    }
  const names = columns.map((column) => column.name);
  const choose = (
    /** @type {string} */ label,
    /** @type {"time" | "by" | "value"} */ key,
    /** @type {string} */ none,
  ) =>
    chooser(label, [none, ...names], (picked[key] ?? -1) + 1, (index) => {
      picked[key] = index - 1;
      again();
    });
  const picks = [
    choose("Times", "time", "none"),
    choose("Series by", "by", "none"),
    choose("Values", "value", "each column"),
  ];
  return { series, how: howRead(series, table, picked, values, features, data), asIs: false, picks };
}

/** A column of whole numbers that is named like an identity. @param {import("../../csv.js").Column[]} columns */
const identityOf = (columns) =>
  columns.length > 2 ? columns.findIndex((column) => column.kind === "number" && IDENTITY.test(column.name)) : -1;

/** @param {import("../../csv.js").Column | undefined} column @param {number} rows @returns {Map<string, number[]>} */
function groupsOf(column, rows) {
  /** @type {Map<string, number[]>} */
  const groups = new Map();
  for (let row = 0; row < rows; row++) {
    const key = column ? (column.kind === "text" ? column.texts[row] : String(column.values[row])) : "";
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return groups;
}

/**
 * A series of some rows: its values at their steps, of several in one step the mean, and NaN where there is none.
 * @param {string} name @param {number[]} rows @param {import("../../csv.js").Column | undefined} time
 * @param {import("../../csv.js").Column} value @param {import("../../csv.js").Column[]} features @param {any} data
 * @returns {Series}
 */
function onGrid(name, rows, time, value, features, data) {
  const timed = time ? rows.filter((row) => Number.isFinite(time.values[row])) : rows;
  const start = time ? timed.reduce((least, row) => Math.min(least, time.values[row]), Infinity) : DEFAULT_START;
  const steps = timed.map((row, index) => (time ? stepAt(start, data.frequency, time.values[row]) : index));
  const length = steps.reduce((most, step) => Math.max(most, step), -1) + 1;
  if (length > MOST_STEPS)
    throw new Refused(`${name}: expected at most ${whole(MOST_STEPS)} steps, got ${whole(length)}.`);
  const mean = (/** @type {import("../../csv.js").Column} */ column) => {
    const sums = new Float64Array(length);
    const counts = new Float64Array(length);
    timed.forEach((row, index) => {
      if (Number.isNaN(column.values[row])) return;
      sums[steps[index]] += column.values[row];
      counts[steps[index]]++;
    });
    return sums.map((sum, step) => (counts[step] ? sum / counts[step] : NaN));
  };
  const all = mean(value);
  let end = length; // what lacks a value at the end is the future, of which only the features are known
  if (features.length) while (end > 0 && Number.isNaN(all[end - 1])) end--;
  return {
    name,
    start,
    target: all.slice(0, end),
    cat: [],
    dynamic: features.map((column) => mean(column).map((each) => each || 0)),
    actual: null,
  };
}

/**
 * @param {Series[]} series @param {import("../../csv.js").Table} table @param {any} picked @param {number[]} values
 * @param {number[]} features @param {any} data
 */
function howRead(series, { columns, rows }, picked, values, features, data) {
  const names = (/** @type {number[]} */ indices) => indices.map((index) => columns[index].name).join(", ");
  const times = columns[picked.time];
  const time = times ? `times from ${times.name}` : "no column of times, so steps from 2024-01-01";
  const untimed = times ? times.values.filter(Number.isNaN).length : 0;
  const parts = [`${counted(rows, "row")}: ${time}`, `values from ${names(values)}`];
  if (untimed) parts.push(`${counted(untimed, "row")} without a time left out`);
  if (picked.by >= 0) parts.push(`a series for each ${columns[picked.by].name}`);
  if (features.length) parts.push(`features from ${names(features)}`);
  parts.push(`${whole(series.length)} series with a value every ${spelled(data.frequency)}`);
  return `${parts.join("; ")}.`;
}
