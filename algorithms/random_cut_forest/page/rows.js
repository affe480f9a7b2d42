/** The user's data as rows: columns of numbers for the chart, and the body that the server scores. */

import { faultIn, parseCsv } from "../../csv.js";
import { check, chooser, make } from "../../dom.js";
import { counted } from "../../numbers.js";
import { readRecordIo } from "../../recordio.js";
import { Refused } from "../../server.js";

/**
 * @typedef {object} Rows
 * @property {Float64Array[]} columns
 * @property {string[]} names
 * @property {Float64Array | null} times in seconds, ascending
 * @property {number} count
 * @property {string | Uint8Array} body
 * @property {string} type
 * @property {string} how what was read, in a sentence
 * @property {Node[]} picks controls that read it in another way
 * @property {(place: import("../../place.js").Place) => import("../../place.js").Place} place the same place in what the user gave
 *
 * @typedef {{time?: number, values?: number[]}} Picked columns of a CSV
 */

const SAME = (/** @type {import("../../place.js").Place} */ place) => place;

/**
 * @param {import("../../input.js").Given} given @param {number} width the model's columns @param {Picked} picked
 * @param {() => void} again
 * @returns {Rows}
 */
export function readRows(given, width, picked, again) {
  if (given.type === "text/csv") return fromCsv(given.text, width, picked, again);
  const rows =
    given.type === "application/x-recordio-protobuf" ? readRecordIo(given.bytes, width) : fromJson(given, width);
  return asTheyAre(given, turned(rows, width), rows.length, `${counted(rows.length, "row")}.`);
}

/** @param {import("../../input.js").Given} given @param {Float64Array[]} columns @param {number} count @param {string} how @returns {Rows} */
function asTheyAre({ bytes, type }, columns, count, how) {
  const names = columns.length === 1 ? ["value"] : columns.map((_, index) => `column ${index + 1}`);
  return { columns, names, times: null, count, body: bytes, type, how, picks: [], place: SAME };
}

/** Rows as columns. @param {ArrayLike<number>[]} rows @param {number} width */
function turned(rows, width) {
  const columns = Array.from({ length: width }, () => new Float64Array(rows.length));
  rows.forEach((row, at) => columns.forEach((column, index) => (column[at] = row[index] ?? NaN)));
  return columns;
}

/** @param {import("../../input.js").Given} given @param {number} width */
function fromJson({ text, type }, width) {
  const instances =
    type === "application/jsonlines"
      ? text
          .split("\n")
          .filter((line) => line.trim())
          .map((line) => JSON.parse(line))
      : JSON.parse(text).instances;
  return instances.map((/** @type {any} */ instance) => {
    const features = instance.features ?? instance.data.features;
    if (Array.isArray(features)) return features;
    if (!features.keys) return features.values;
    const row = new Float64Array(width);
    features.keys.forEach((/** @type {number} */ key, /** @type {number} */ at) => (row[key] = features.values[at]));
    return row;
  });
}

/** @param {string} text @param {number} width @param {Picked} picked @param {() => void} again @returns {Rows} */
function fromCsv(text, width, picked, again) {
  const table = parseCsv(text);
  const { columns } = table;
  const bytes = new TextEncoder().encode(text);
  // The server names the place of a cell that is no number.
  const plain = table.bare && columns.length === width && columns.every(({ kind }) => kind !== "time");
  if (plain || !columns.length) {
    const given = { bytes, text, type: "text/csv", name: "", example: false };
    return asTheyAre(
      given,
      columns.map(({ values }) => values),
      table.rows,
      "",
    );
  }
  picked.time ??= columns.findIndex(({ kind }) => kind === "time");
  const numeric = columns.flatMap(({ kind }, index) => (kind === "number" && index !== picked.time ? [index] : []));
  picked.values ??= numeric.slice(0, width);
  const { time, values } = picked;
  const names = values.map((index) => columns[index].name);
  const picks = [
    chooser("Times", ["none", ...columns.map(({ name }) => name)], time + 1, (index) => {
      Object.assign(picked, { time: index - 1, values: undefined });
      again();
    }),
    ...(numeric.length > width ? [valuesOf(columns, numeric, picked, width, again)] : []),
  ];
  const fault = faultIn(table, values);
  if (values.length !== width) {
    const found = numeric.length === 1 ? "1 column of numbers" : `${numeric.length} columns of numbers`;
    throw new Refused(
      `Expected ${width} column${width > 1 ? "s" : ""}, as the model has, got ${numeric.length < width ? found : values.length}.`,
    );
  }
  if (fault) throw new Refused(...fault);
  const chosen = values.map((index) => columns[index].values);
  const complete = Array.from({ length: table.rows }, (_, row) => row).filter((row) =>
    chosen.every((column) => !Number.isNaN(column[row])),
  );
  const taken = chosen.map((column) => Float64Array.from(complete, (row) => column[row]));
  const times = time >= 0 ? ascending(Float64Array.from(complete, (row) => columns[time].values[row])) : null;
  const left = table.rows - complete.length;
  const how = [
    `${counted(table.rows, "row")}: values from ${names.join(", ")}`,
    time < 0
      ? "no column of times"
      : times
        ? `times from ${columns[time].name}`
        : `the times of ${columns[time].name} are not all there or do not ascend, so rows are numbered`,
    ...(left ? [`${counted(left, "row")} with missing values left out`] : []),
    table.header || time >= 0 ? "sent without header and times" : "sent with commas",
  ];
  const body = complete.map((_, at) => taken.map((column) => column[at]).join(",")).join("\n");
  return {
    columns: taken,
    names,
    times,
    count: complete.length,
    body: `${body}\n`,
    type: "text/csv",
    how: `${how.join("; ")}.`,
    picks,
    place: (place) =>
      place.map((part) => {
        if (typeof part !== "object") return part;
        if (part.row) return { row: complete[part.row - 1] + 1 + Number(table.header) };
        return part.column ? { column: values[part.column - 1] + 1 } : part;
      }),
  };
}

/** The times if none is missing and they ascend. @param {Float64Array} times */
function ascending(times) {
  for (let at = 0; at < times.length; at++) if (Number.isNaN(times[at]) || times[at] < times[at - 1]) return null;
  return times;
}

/**
 * Which columns are the model's, where there are more.
 * @param {import("../../csv.js").Column[]} columns @param {number[]} numeric @param {Picked} picked @param {number} width
 * @param {() => void} again
 */
function valuesOf(columns, numeric, picked, width, again) {
  const boxes = numeric.map((index) =>
    check(columns[index].name, picked.values?.includes(index) ?? false, (checked) => {
      const others = picked.values?.filter((each) => each !== index) ?? [];
      // A model of one column has one at a time.
      picked.values = checked ? [...(width === 1 ? [] : others), index].sort((one, other) => one - other) : others;
      again();
    }),
  );
  return make(
    "fieldset",
    {},
    make("legend", {}, width === 1 ? "Values, a column:" : `Values, ${width} columns:`),
    ...boxes,
  );
}
