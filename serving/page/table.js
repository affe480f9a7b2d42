/** A table whose columns sort it, and that can be saved as CSV. */

import { cellText } from "./csv.js";
import { download, make } from "./dom.js";

/**
 * @typedef {{name: string, show?: (value: any) => string, csv?: (value: any) => string | number}} Heading
 */

export class SortedTable {
  /**
   * @param {{label: string, headings: Heading[], file: string, open: (row: any[]) => void, action: string}} options
   *   open: called with a row whose first cell was pressed; action: what that does.
   */
  constructor(options) {
    this.options = options;
    /** @type {any[][]} */
    this.rows = [];
    this.sorted = { column: -1, up: true };
    this.body = make("tbody");
    this.heads = options.headings.map((heading, index) =>
      make("th", { scope: "col" }, make("button", { type: "button", onclick: () => this.sort(index) }, heading.name)),
    );
    this.save = make("button", { type: "button", onclick: () => this.download() }, "Download as CSV");
    const table = make("table", {}, make("thead", {}, make("tr", {}, ...this.heads)), this.body);
    const box = make("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": options.label }, table);
    this.node = make("div", {}, box, make("div", { class: "bar below" }, this.save));
  }

  /** @param {number} column @param {string} name */
  rename(column, name) {
    this.options.headings[column].name = name;
    this.heads[column].firstChild.textContent = name;
    this.order();
  }

  /** @param {any[][]} rows */
  show(rows) {
    this.rows = rows;
    this.save.disabled = !rows.length;
    this.order();
    this.fill();
  }

  /** @param {number} column */
  sort(column) {
    // The first press shows the largest first, but for the first column, which is a time.
    const up = this.sorted.column === column ? !this.sorted.up : column === 0;
    this.sorted = { column, up };
    this.order();
    this.fill();
  }

  order() {
    const { column, up } = this.sorted;
    if (column < 0) return;
    this.rows = [...this.rows].sort((one, other) => (one[column] - other[column]) * (up ? 1 : -1));
    this.heads.forEach((head, index) => {
      if (index === column) head.setAttribute("aria-sort", up ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
    this.heads.forEach((head, index) => {
      head.firstChild.textContent = this.options.headings[index].name + (index === column ? (up ? " ↑" : " ↓") : "");
    });
  }

  fill() {
    const { headings, open, action } = this.options;
    const lines = this.rows.map((row) =>
      make(
        "tr",
        {},
        ...headings.map(({ show = String }, index) => {
          const text = show(row[index]);
          if (index > 0) return make("td", {}, text);
          const press = { type: "button", title: action, "aria-label": `${text}: ${action}`, onclick: () => open(row) };
          return make("td", {}, make("button", press, text));
        }),
      ),
    );
    const none = make("tr", {}, make("td", { colspan: headings.length }, "none"));
    this.body.replaceChildren(...(lines.length ? lines : [none]));
  }

  download() {
    const { headings, file } = this.options;
    const lines = [headings.map(({ name }) => cellText(name)).join(",")];
    for (const row of this.rows)
      lines.push(headings.map(({ csv = (value) => value }, index) => cellText(csv(row[index]))).join(","));
    download(file, `${lines.join("\n")}\n`, "text/csv");
  }
}
