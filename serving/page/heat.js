/** An attention matrix as a heat map: a table of percentages with a shade for each. */

import { make } from "./dom.js";

const DARKEST = 45; // percent of the colour, on which the numbers can still be read
const SPACE = /▁/g; // how sentencepiece marks the beginning of a word

/**
 * @param {string[]} source @param {string[]} target
 * @param {number[][]} matrix a row for each target token, a column for each source token
 */
export function heatMap(source, target, matrix) {
  const text = (/** @type {string} */ token) => token.replace(SPACE, "") || "␣";
  const head = make("tr", {}, make("td", {}), ...source.map((token) => make("th", { scope: "col" }, text(token))));
  const rows = target.map((token, row) =>
    make("tr", {}, make("th", { scope: "row" }, text(token)), ...matrix[row].map((weight) => cell(weight))),
  );
  const caption = make("caption", { class: "note" }, "Percent of the attention; a row for each translated token.");
  const table = make("table", {}, caption, make("thead", {}, head), make("tbody", {}, ...rows));
  return make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Attention" }, table);
}

/** @param {number} weight */
function cell(weight) {
  const node = make("td", {}, String(Math.round(100 * weight)));
  node.style.background = `color-mix(in srgb, var(--sea) ${(DARKEST * weight).toFixed(1)}%, transparent)`;
  node.style.textAlign = "right";
  return node;
}
