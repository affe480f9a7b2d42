/** CSV: rows with or without a header, their columns and what each contains. */

import { secondsOf } from "./numbers.js";

/**
 * @typedef {{name: string, kind: "number" | "time" | "text", values: Float64Array, texts: string[]}} Column
 *   values: numbers or seconds, NaN where there is none; texts: of a column of text.
 * @typedef {{header: boolean, columns: Column[], rows: number, lines: Int32Array, faults: Fault[]}} Table
 *   lines: the line of each row, counted from 1.
 * @typedef {{row: number, line: number, column: number, text: string}} Fault a cell that is no number among numbers
 */

const DELIMITERS = [",", ";", "\t"];
const MISSING = /^(|na|n\/a|nan|null|none)$/i;
const TIMELY = /^(ds|t|ts|time|date|datetime|timestamp|when|start|.*[_ ](time|date|at))$/i;
const SAMPLE = 200; // rows that say what a column contains

/** @param {string} text @returns {Table} */
export function parseCsv(text) {
  const delimiter = delimiterOf(text);
  /** @type {string[][]} */
  const cells = [];
  const lines = [];
  let number = 0;
  for (const line of text.split("\n")) {
    number++;
    const bare = line.endsWith("\r") ? line.slice(0, -1) : line;
    if (bare.trim() === "") continue;
    cells.push(split(bare, delimiter));
    lines.push(number);
  }
  const width = cells.reduce((most, row) => Math.max(most, row.length), 0);
  const first = cells[0] ?? [];
  const header = first.length > 0 && first.every((cell) => !isNumber(cell) && !Number.isFinite(secondsOf(cell)));
  const body = header ? cells.slice(1) : cells;
  /** @type {Fault[]} */
  const faults = [];
  const rowLines = Int32Array.from(header ? lines.slice(1) : lines);
  const columns = Array.from({ length: width }, (_, index) =>
    columnOf(header ? first[index] || `column ${index + 1}` : `column ${index + 1}`, body, index, faults, rowLines),
  );
  return { header, columns, rows: body.length, lines: rowLines, faults };
}

/** @param {string} text */
function delimiterOf(text) {
  const line = text.slice(0, text.indexOf("\n") < 0 ? undefined : text.indexOf("\n"));
  return DELIMITERS.reduce((best, each) => (line.split(each).length > line.split(best).length ? each : best));
}

/** The cells of a line; quotes may surround one. @param {string} line @param {string} delimiter */
function split(line, delimiter) {
  if (!line.includes('"')) return line.split(delimiter).map((cell) => cell.trim());
  const cells = [];
  let cell = "";
  let quoted = false;
  for (let index = 0; index < line.length; index++) {
    const character = line[index];
    if (character === '"' && quoted && line[index + 1] === '"') {
      cell += '"';
      index++;
    } else if (character === '"') quoted = !quoted;
    else if (character === delimiter && !quoted) {
      cells.push(cell.trim());
      cell = "";
    } else cell += character;
  }
  cells.push(cell.trim());
  return cells;
}

/** @param {string} cell */
const isNumber = (cell) => cell !== "" && Number.isFinite(Number(cell));

/**
 * @param {string} name @param {string[][]} rows @param {number} index @param {Fault[]} faults @param {Int32Array} lines
 * @returns {Column}
 */
function columnOf(name, rows, index, faults, lines) {
  const sample = rows.slice(0, SAMPLE).map((row) => row[index] ?? "");
  const given = sample.filter((cell) => !MISSING.test(cell));
  const numbers = given.filter(isNumber);
  const values = new Float64Array(rows.length);
  const timely = TIMELY.test(name) && numbers.length === given.length && given.length > 0 && Number(given[0]) > 1e8;
  if (timely) {
    const unit = Number(given[0]) > 1e11 ? 1000 : 1;
    rows.forEach((row, at) => (values[at] = Number(row[index]) / unit));
    return { name, kind: "time", values, texts: [] };
  }
  if (given.length > 0 && given.every((cell) => Number.isFinite(secondsOf(cell)))) {
    rows.forEach((row, at) => (values[at] = secondsOf(row[index] ?? "")));
    return { name, kind: "time", values, texts: [] };
  }
  if (numbers.length * 2 <= given.length) {
    return { name, kind: "text", values: values.fill(NaN), texts: rows.map((row) => row[index] ?? "") };
  }
  rows.forEach((row, at) => {
    const cell = row[index] ?? "";
    values[at] = isNumber(cell) ? Number(cell) : NaN;
    if (!isNumber(cell) && !MISSING.test(cell)) faults.push({ row: at, line: lines[at], column: index, text: cell });
  });
  return { name, kind: "number", values, texts: [] };
}

/** A cell as CSV has it, quoted where it must be. @param {string | number} cell */
export function cellText(cell) {
  const text = String(cell);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
