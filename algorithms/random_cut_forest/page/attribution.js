/** Why a row's score is what it is: each column's share, by being too high and by being too low. */

import { make } from "../../dom.js";
import { short } from "../../numbers.js";
import { newest } from "../../server.js";

const COLUMNS = 8; // with the largest shares

export class Attribution {
  /** @param {any} kit see main.js */
  constructor(kit) {
    this.kit = kit;
    this.title = make("h3", { id: "why" }, "Why this score");
    this.bars = make("div", { class: "bars" });
    this.note = make("p", { class: "note" }, "Move over the chart, or press an arrow key on it.");
    this.node = make("div", { role: "group", "aria-labelledby": "why" }, this.title, this.note, this.bars);
    /** @type {Map<string, {high: number[], low: number[]}>} */
    this.known = new Map();
    this.ask = newest(
      (signal, /** @type {import("./rows.js").Rows} */ rows, /** @type {number} */ row, /** @type {string} */ name) =>
        this.explain(signal, rows, row, name),
    );
  }

  /** Explain a row. @param {import("./rows.js").Rows} rows @param {number} row @param {string} name */
  show(rows, row, name) {
    this.ask(rows, row, name).catch((error) => (this.note.textContent = error.message));
  }

  /** @param {AbortSignal} signal @param {import("./rows.js").Rows} rows @param {number} row @param {string} name */
  async explain(signal, rows, row, name) {
    const body = `${rows.columns.map((column) => column[row]).join(",")}\n`;
    let shares = this.known.get(body);
    if (!shares) {
      const request = { body, type: "text/csv", accept: "application/json", attributes: "attribution=true" };
      const { bytes } = await this.kit.ask(request, signal, { quiet: true });
      shares = JSON.parse(new TextDecoder().decode(bytes)).scores[0].attribution;
      this.known.set(body, /** @type {any} */ (shares));
    }
    this.draw(rows, row, name, /** @type {any} */ (shares));
  }

  /** @param {import("./rows.js").Rows} rows @param {number} row @param {string} name @param {{high: number[], low: number[]}} shares */
  draw(rows, row, name, { high, low }) {
    const order = high.map((_, index) => index).sort((one, other) => high[other] + low[other] - high[one] - low[one]);
    const most = Math.max(...order.slice(0, COLUMNS).map((index) => high[index] + low[index]), 1e-9);
    const bars = order.slice(0, COLUMNS).flatMap((index) => {
      const value = rows.columns[index][row];
      const share = high[index] + low[index];
      const side = high[index] >= low[index] ? "too high" : "too low";
      const [left, right] = [(100 * low[index]) / most, (100 * high[index]) / most];
      return [
        make("span", { title: rows.names[index] }, rows.names[index]),
        make(
          "svg",
          {
            viewBox: "0 0 100 12",
            preserveAspectRatio: "none",
            role: "img",
            "aria-label": `${short(value)} is ${side}: ${short(share)} of the score`,
          },
          make("rect", { class: "track", width: 100, height: 12, rx: 1 }),
          make("rect", { class: "high", width: right, height: 12 }),
          make("rect", { class: "low", x: right, width: left, height: 12 }),
        ),
        make("span", {}, `${high[index] >= low[index] ? "↑" : "↓"} ${short(share)}`),
      ];
    });
    this.title.textContent = `Why this score: ${name}`;
    this.note.textContent = "Each column’s share of the score: ↑ by being too high, ↓ by being too low.";
    this.bars.replaceChildren(...bars);
  }
}
