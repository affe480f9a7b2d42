/** Locates the place of an error, which the server gives as data, in the text of a request. */

import { cellSpans, delimiterOf } from "./csv.js";

/** @typedef {(string | number | Record<string, any>)[]} Place as the server writes it in X-Forecastle-Place */
/** @typedef {{start: number, end: number, line: number}} Spot characters, and the line counted from 1 */

/**
 * The spot of a place such as `[{row: 3}, {column: 2}]`, `[{line: 7}, "target", 0]` or `["instances", 2, "cat"]`;
 * null if it is none in the text.
 * @param {string} text @param {Place} place
 * @returns {Spot | null}
 */
export function spotOf(text, place) {
  const counted = Object.assign({}, ...place.filter((part) => typeof part === "object"));
  const path = /** @type {(string | number)[]} */ (place.filter((part) => typeof part !== "object"));
  if (counted.row) return cellSpot(text, lineOfRow(text, counted.row), counted.column ?? null);
  if (counted.line) {
    const [start, end] = lineBounds(text, counted.line);
    if (counted.column) return spot(text, start + counted.column - 1, start + counted.column);
    const inner = path.length ? valueSpan(text.slice(start, end), path) : null;
    return inner ? spot(text, start + inner[0], start + inner[1]) : spot(text, start, end);
  }
  if (counted.byte !== undefined) return spot(text, counted.byte, counted.byte + 1);
  const span = path.length ? valueSpan(text, path) : null;
  return span ? spot(text, span[0], span[1]) : null;
}

/** @param {string} text @param {number} start @param {number} end @returns {Spot | null} */
function spot(text, start, end) {
  if (start < 0 || start > text.length) return null;
  return { start, end: Math.min(Math.max(end, start), text.length), line: text.slice(0, start).split("\n").length };
}

/** The line of a row; empty lines are no rows. @param {string} text @param {number} row */
function lineOfRow(text, row) {
  let rows = 0;
  let number = 0;
  for (const line of text.split("\n")) {
    number++;
    if (line.trim() !== "" && ++rows === row) return number;
  }
  return row;
}

/** @param {string} text @param {number} line @returns {[number, number]} */
export function lineBounds(text, line) {
  let start = 0;
  for (let number = 1; number < line; number++) {
    const next = text.indexOf("\n", start);
    if (next < 0) break;
    start = next + 1;
  }
  const end = text.indexOf("\n", start);
  return [start, end < 0 ? text.length : end];
}

/** @param {string} text @param {number} line @param {number | null} column @returns {Spot | null} */
export function cellSpot(text, line, column) {
  const [start, end] = lineBounds(text, line);
  if (column === null) return spot(text, start, end);
  const span = cellSpans(text.slice(start, end), delimiterOf(text))[column - 1] ?? [end - start, end - start];
  return spot(text, start + span[0], start + span[1]);
}

/**
 * Where in a JSON text the value at a path such as `instances[2].target[5]` is; the deepest part that exists, or null.
 * @param {string} text @param {(string | number)[]} path
 * @returns {[number, number] | null}
 */
function valueSpan(text, path) {
  const parts = path[0] === "instance" ? path.slice(1) : path; // a bare one is the whole text
  let at = skip(text, 0);
  /** @type {[number, number] | null} */
  let found = null;
  for (const part of parts) {
    const next = typeof part === "number" ? itemAt(text, at, part) : memberAt(text, at, part);
    if (next === null) break;
    at = next;
    found = [at, endOf(text, at)];
  }
  return found ?? (parts.length ? null : [at, endOf(text, at)]);
}

/** @param {string} text @param {number} at */
function skip(text, at) {
  while (at < text.length && /\s/.test(text[at])) at++;
  return at;
}

/** Where the value that begins at `at` ends. @param {string} text @param {number} at @returns {number} */
function endOf(text, at) {
  if (text[at] === '"') {
    for (at++; at < text.length && text[at] !== '"'; at++) if (text[at] === "\\") at++;
    return at + 1;
  }
  if (text[at] === "[" || text[at] === "{") {
    let depth = 0;
    while (at < text.length) {
      if (text[at] === '"') at = endOf(text, at);
      else {
        if (text[at] === "[" || text[at] === "{") depth++;
        if ((text[at] === "]" || text[at] === "}") && --depth === 0) return at + 1;
        at++;
      }
    }
    return at;
  }
  while (at < text.length && !/[\s,\]}]/.test(text[at])) at++;
  return at;
}

/** @param {string} text @param {number} at @param {number} wanted @returns {number | null} */
function itemAt(text, at, wanted) {
  if (text[at] !== "[") return null;
  at = skip(text, at + 1);
  for (let index = 0; index < wanted; index++) {
    at = skip(text, endOf(text, at));
    if (text[at] !== ",") return null;
    at = skip(text, at + 1);
  }
  return at < text.length && text[at] !== "]" ? at : null;
}

/** @param {string} text @param {number} at @param {string} wanted @returns {number | null} */
function memberAt(text, at, wanted) {
  if (text[at] !== "{") return null;
  at = skip(text, at + 1);
  while (text[at] === '"') {
    const end = endOf(text, at);
    const name = text.slice(at + 1, end - 1);
    at = skip(text, end);
    if (text[at] !== ":") return null;
    at = skip(text, at + 1);
    if (name === wanted) return at;
    at = skip(text, endOf(text, at));
    if (text[at] !== ",") return null;
    at = skip(text, at + 1);
  }
  return null;
}
