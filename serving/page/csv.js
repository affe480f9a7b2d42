/** CSV: rows with or without a header, their columns and what each contains. */

import { secondsOf } from "./numbers.js";

/**
 * @typedef {{name: string, kind: "number" | "time" | "text", values: Float64Array, texts: string[]}} Column
 *   values: numbers or seconds, NaN where there is none; texts: of a column of text.
 * @typedef {{header: boolean, bare: boolean, columns: Column[], rows: number, faults: Fault[]}} Table
 *   bare: rows of numbers between commas and nothing else, as the server reads them.
 * @typedef {{row: number, line: number, column: number, text: string}} Fault a cell that is no number among numbers, or
 *   no time among times
 */

const OTHERS = ["\t", ";"]; // delimiters besides the comma
const MISSING = /^(|na|n\/a|nan|null|none)$/i;
const TIMELY = /^(ds|t|ts|time|date|datetime|timestamp|when|start|.*[_ ](time|date|at))$/i;
const TIMES = /^\D{0,4}\d+\D.*\d/; // what may be a time, in whatever spelling
const COMMA = /^[+-]?\d+,\d+$/; // a number with a decimal comma
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
  if (delimiter !== ",")
    for (const row of cells) row.forEach((cell, at) => COMMA.test(cell) && (row[at] = cell.replace(",", ".")));
  const width = cells.reduce((most, row) => Math.max(most, row.length), 0);
  const first = cells[0] ?? [];
  const header = first.length > 0 && first.every((cell) => !isNumber(cell) && !Number.isFinite(secondsOf(cell)));
  const body = header ? cells.slice(1) : cells;
  /** @type {Fault[]} */
  const faults = [];
  const columns = Array.from({ length: width }, (_, index) => {
    const name = (header && first[index]) || `column ${index + 1}`;
    const { bad, ...column } = columnOf(name, body, index);
    const firstLine = Number(header);
    for (const row of bad) faults.push({ row, line: lines[row + firstLine], column: index, text: body[row][index] });
    return column;
  });
  const bare = !header && delimiter === "," && lines.every((line, row) => line === row + 1);
  return { header, bare, columns, rows: body.length, faults };
}

/** The first fault in one of these columns, as a sentence with its place. @param {Table} table @param {number[]} among @returns {[string, import("./place.js").Place] | null} */
export function faultIn({ header, columns, faults }, among) {
  const fault = faults.find(({ column }) => among.includes(column));
  if (!fault) return null;
  const { name, kind } = columns[fault.column];
  const expected = kind === "time" ? "a time such as 2024-01-31 14:00" : "a number";
  const where = `Line ${fault.line}, ${header ? "column " : ""}${name}`;
  const place = [{ row: fault.row + 1 + Number(header) }, { column: fault.column + 1 }];
  return [`${where}: expected ${expected}, got “${fault.text.slice(0, 40)}”.`, place];
}

/** What separates the cells: a comma that is not a decimal one, or a tab or semicolon. @param {string} text */
export function delimiterOf(text) {
  const [line] = text.trimStart().split("\n", 1);
  const fits = (/** @type {string} */ each) =>
    line.includes(each) && split(line, each).every((cell) => !cell.includes(",") || COMMA.test(cell));
  return OTHERS.find(fits) ?? ",";
}

/** From where to where each cell of a line is, quotes included. @param {string} line @param {string} delimiter @returns {[number, number][]} */
export function cellSpans(line, delimiter) {
  /** @type {[number, number][]} */
  const spans = [];
  let start = 0;
  let quoted = false;
  for (let index = 0; index <= line.length; index++) {
    if (line[index] === '"') quoted = !quoted;
    if (index < line.length && (line[index] !== delimiter || quoted)) continue;
    spans.push([start, index]);
    start = index + 1;
  }
  return spans;
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
 * A column with the rows whose cells do not fit its kind. It is of times if most cells are, or if it is named so and
 * all may be some.
 * @param {string} name @param {string[][]} rows @param {number} index
 * @returns {Column & {bad: number[]}}
 */
function columnOf(name, rows, index) {
  const texts = rows.map((row) => row[index] ?? "");
  const given = texts.slice(0, SAMPLE).filter((cell) => !MISSING.test(cell));
  const most = (/** @type {(cell: string) => boolean} */ test) => given.filter(test).length * 2 > given.length;
  const named = TIMELY.test(name) && given.length > 0;
  if (named && given.every(isNumber) && Number(given[0]) > 1e8) {
    const unit = Number(given[0]) > 1e11 ? 1000 : 1;
    return read(name, "time", texts, (cell) => (isNumber(cell) ? Number(cell) / unit : NaN));
  }
  if (most((cell) => Number.isFinite(secondsOf(cell)))) return read(name, "time", texts, secondsOf);
  if (most(isNumber)) return read(name, "number", texts, (cell) => (isNumber(cell) ? Number(cell) : NaN));
  if (named && given.every((cell) => TIMES.test(cell))) return read(name, "time", texts, secondsOf);
  return { name, kind: "text", values: new Float64Array(rows.length).fill(NaN), texts, bad: [] };
}

/**
 * @param {string} name @param {"number" | "time"} kind @param {string[]} texts @param {(cell: string) => number} value
 * @returns {Column & {bad: number[]}}
 */
function read(name, kind, texts, value) {
  const values = Float64Array.from(texts, value);
  const bad = texts.flatMap((cell, row) => (Number.isFinite(values[row]) || MISSING.test(cell) ? [] : [row]));
  return { name, kind, values, texts: [], bad };
}

/** A cell as CSV has it, quoted where it must be. @param {string | number} cell */
export function cellText(cell) {
  const text = String(cell);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
