/** The user's data: pasted, dropped, chosen or the example; and where a refusal points in it. */

import { make } from "./dom.js";
import { sizeText } from "./numbers.js";
import { lineBounds, spotOf } from "./place.js";
import { isRecordIo } from "./recordio.js";

/**
 * @typedef {object} Given what the user gave
 * @property {Uint8Array} bytes
 * @property {string} text empty where it is no text
 * @property {string} type the media type
 * @property {string} name of the file, or what it is
 * @property {boolean} example
 */

const SHOWN = 300_000; // characters that the field shows
const LONG = 5_000; // characters of a text that is pasted as a whole
const WAIT_MS = 350; // after the last key
const AROUND = 60; // characters shown around a fault
export const TYPES = {
  csv: "text/csv",
  json: "application/json",
  lines: "application/jsonlines",
  recordio: "application/x-recordio-protobuf",
};

export class Input {
  /**
   * @param {HTMLElement} section
   * @param {{types: string[], opened: (given: Given) => void, example: () => Promise<void>}} options
   */
  constructor(section, options) {
    this.options = options;
    /** @type {Given | null} */
    this.given = null;
    this.field = make("textarea", {
      id: "body",
      spellcheck: "false",
      autocomplete: "off",
      "aria-label": "Data: CSV, JSON or JSON Lines",
      "aria-describedby": "input-help",
      oninput: () => this.typed(),
      onpaste: (/** @type {ClipboardEvent} */ event) => this.pasted(event),
    });
    this.types = make(
      "select",
      { "aria-label": "Format", onchange: () => this.given && this.reopen() },
      make("option", { value: "" }, "automatic"),
      ...options.types.map((type) => make("option", { value: type }, type)),
    );
    this.source = make("span", { class: "note" });
    this.notes = make("div", { class: "note", id: "picked" });
    this.picks = make("div", { id: "picks" });
    this.refusal = make("div", { role: "alert" });
    const file = make("input", { type: "file", "aria-label": "Open a file", onchange: () => this.chosen(file) });
    section.append(
      make(
        "p",
        { id: "input-help" },
        "Paste or drop CSV, JSON, JSON Lines or RecordIO. A CSV may have a header and a column of times: the columns are picked below, and converted.",
      ),
      this.field,
      this.refusal,
      make(
        "div",
        { class: "bar below" },
        make("label", {}, "Format ", this.types),
        make("span", { class: "button file" }, "Open a file", file),
        make("button", { type: "button", id: "example", onclick: () => options.example() }, "Back to the example"),
        this.source,
      ),
      this.notes,
      this.picks,
    );
  }

  /** @param {HTMLInputElement} chooser */
  async chosen(chooser) {
    const file = chooser.files?.[0];
    chooser.value = "";
    if (file) await this.take(file);
  }

  /** @param {File} file */
  async take(file) {
    this.types.value = "";
    this.open(new Uint8Array(await file.arrayBuffer()), file.name);
  }

  /** Take a long text as a file: inserting its lines one by one takes a browser seconds. @param {ClipboardEvent} event */
  pasted(event) {
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (text.length < LONG) return;
    event.preventDefault();
    this.types.value = "";
    this.open(new TextEncoder().encode(text), "as pasted");
  }

  typed() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      const text = this.field.value;
      if (text.trim()) this.accept(new TextEncoder().encode(text), text, "as typed", false);
    }, WAIT_MS);
  }

  /** Show data in the field, and open it. @param {Uint8Array} bytes @param {string} name @param {string} [type] @param {boolean} [example] */
  open(bytes, name, type = "", example = false) {
    const text = isRecordIo(bytes) ? "" : textOf(bytes);
    this.field.value = text ? text.slice(0, SHOWN) : `${bytes.length} bytes of RecordIO`;
    this.accept(bytes, text, name, example, type);
  }

  /** @param {Uint8Array} bytes @param {string} text @param {string} name @param {boolean} example @param {string} [type] */
  accept(bytes, text, name, example, type = "") {
    const found = this.types.value || type || typeOf(bytes, text);
    this.given = { bytes, text, type: found, name, example };
    const cut =
      text.length > SHOWN ? `, of which the field shows the first ${sizeText(SHOWN)}: an edit sends those` : "";
    this.source.textContent = `${name}: ${sizeText(bytes.length)} of ${found}${cut}`;
    this.clear();
    this.say("");
    this.picks.replaceChildren();
    this.options.opened(this.given);
  }

  reopen() {
    const { bytes, text, name, example } = /** @type {Given} */ (this.given);
    this.accept(bytes, text, name, example);
  }

  /** Take back what was said of other data. */
  clear() {
    document.body.classList.remove("refused");
    this.refusal.replaceChildren();
    this.field.removeAttribute("aria-invalid");
  }

  /** Say what was picked from the data. @param {string} sentence */
  say(sentence) {
    this.notes.textContent = sentence;
  }

  /**
   * Show a refusal at its place.
   * @param {string} sentence @param {import("./place.js").Place} place
   */
  refuse(sentence, place) {
    this.field.setAttribute("aria-invalid", "true");
    document.body.classList.add("refused"); // what is drawn is of earlier data
    const text = this.given?.text ?? "";
    const spot = text ? spotOf(text, place) : null;
    const box = make("div", { class: "refusal" }, sentence);
    this.refusal.replaceChildren(box);
    if (!spot) return;
    const [first, last] = lineBounds(text, spot.line);
    const from = Math.max(first, spot.start - AROUND);
    const end = Math.min(spot.end, spot.start + AROUND, last < spot.start ? text.length : Math.max(last, spot.start));
    const until = Math.min(Math.max(last, end), end + AROUND);
    box.append(
      make(
        "pre",
        {},
        make("span", { class: "line" }, `${spot.line} │ `),
        (from > first ? "…" : "") + text.slice(from, spot.start),
        make("mark", {}, text.slice(spot.start, end) || "⏎"),
        text.slice(end, until) + (until < last ? "…" : ""),
      ),
    );
    if (spot.start < this.field.value.length) {
      const show = () => this.select(spot.start, spot.end);
      box.append(
        make("div", { class: "bar below" }, make("button", { type: "button", onclick: show }, "Show it in the data")),
      );
    }
  }

  /** @param {number} start @param {number} end */
  select(start, end) {
    this.field.focus();
    this.field.setSelectionRange(start, end);
    const lines = this.field.value.slice(0, start).split("\n").length;
    const height = parseFloat(getComputedStyle(this.field).lineHeight) || 20;
    this.field.scrollTop = Math.max(0, (lines - 3) * height);
  }
}

/** @param {Uint8Array} bytes */
function textOf(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

/** What the data is, by its first characters. @param {Uint8Array} bytes @param {string} text */
export function typeOf(bytes, text) {
  if (isRecordIo(bytes)) return TYPES.recordio;
  const bare = text.trimStart();
  if (!/^[[{]/.test(bare)) return TYPES.csv;
  const line = bare.slice(0, bare.indexOf("\n") < 0 ? undefined : bare.indexOf("\n")).trim();
  const several = line.length < bare.trimEnd().length;
  return (several && isJson(line)) || (isJson(line) && !/"instances"/.test(line) && bare[0] === "{")
    ? TYPES.lines
    : TYPES.json;
}

/** @param {string} text */
function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
