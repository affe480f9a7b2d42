/** What the page says of the model and of the server. */

import { list, make } from "./dom.js";
import { short, sizeText } from "./numbers.js";

/** @param {any} value @returns {string} */
function shown(value) {
  if (Array.isArray(value)) return value.map(shown).join(", ");
  if (value === null) return "none";
  return typeof value === "number" && !Number.isInteger(value) ? short(value) : String(value);
}

/** @param {string} title @param {Record<string, any>} values */
function part(title, values) {
  const entries = Object.entries(values).map(([name, value]) => /** @type {[string, string]} */ ([name, shown(value)]));
  return entries.length ? [make("h3", {}, title), list(entries)] : [];
}

/** @param {HTMLElement} root @param {any} model */
export function showModel(root, model) {
  const parts = [
    ...part("Figures", model.facts),
    ...part("Training metrics", model.metrics),
    ...part("Hyperparameters", model.hyperparameters),
  ];
  root.replaceChildren(...parts);
  if (!parts.length) root.textContent = "Nothing is recorded of its training.";
}

/** @param {HTMLElement} root @param {any} limits */
export function showLimits(root, limits) {
  root.replaceChildren(
    list([
      ["largest body", sizeText(limits.max_content_length)],
      ["time for an answer", `${limits.timeout} s`],
      ["queue", `${limits.queue} requests`],
      ["processes", `${limits.workers}`],
    ]),
  );
}
