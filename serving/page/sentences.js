/** The sentences in the user's data: a request as JSON or JSON Lines, or a text with one a line. */

/**
 * @param {import("./input.js").Given} given
 * @returns {string[] | null} null if there are none, or what is no request
 */
export function sentencesOf({ text, type }) {
  if (!text) return null;
  let found;
  try {
    if (type === "application/json") found = JSON.parse(text).instances.map((/** @type {any} */ each) => each.data);
    else if (type === "application/jsonlines") {
      const lines = text.split("\n").filter((line) => line.trim());
      found = lines.map((line) => JSON.parse(line).source);
    } else found = text.split("\n").filter((line) => line.trim());
  } catch {
    return null;
  }
  return found.length && found.every((/** @type {any} */ each) => typeof each === "string") ? found : null;
}
