/** Random Cut Forest's page: values and their scores, anomalies, episodes and attributions. */

import { alone, axis, Chart, colour, key, timeAxis } from "../../chart.js";
import { check, make, slider } from "../../dom.js";
import { counted, short, timeText, whole } from "../../numbers.js";
import { newest, Refused } from "../../server.js";
import { SortedTable } from "../../table.js";
import { Attribution } from "./attribution.js";
import { drawExtents, laneAxis, laneScale, scoreRange, scoreTicks } from "./lanes.js";
import { episodesOf, spread } from "./episodes.js";
import { readRows } from "./rows.js";

const SHOWN = 3; // columns at first
const LISTED = 24; // columns that can be chosen
const LINES = ["--sea", "--good", "--soft"];
const COPIED = 20; // rows in a program
const points = { show: false, size: 4, filter: alone };
const numbers = (/** @type {any} */ _, /** @type {number[]} */ at) =>
  at.map((value) => (value === null ? "" : short(value)));

/** @param {HTMLElement} root @param {any} kit see main.js */
export const create = (root, kit) => new Anomalies(root, kit);

class Anomalies {
  /** @param {HTMLElement} root @param {any} kit */
  constructor(root, kit) {
    this.kit = kit;
    this.title = "Anomalies";
    this.data = kit.model.data;
    /** @type {import("./rows.js").Picked} */
    this.picked = {};
    this.sigmas = slider({
      label: "Line at mean + k·σ, k",
      id: "sigmas",
      min: 0,
      max: 6,
      step: 0.1,
      value: 3,
      shown: (value) => value.toFixed(1),
      change: () => this.mark(true),
    });
    this.columns = make("fieldset", { id: "columns" });
    this.place = make("div", {});
    this.summary = make("p", { id: "summary", role: "status" });
    this.attribution = new Attribution(kit);
    this.episodes = new SortedTable({
      label: "Episodes",
      file: "episodes.csv",
      action: "show it in the chart",
      open: (row) => this.zoomTo(row),
      headings: this.headings(),
    });
    const zoom = make(
      "div",
      { class: "bar", role: "group", "aria-label": "Zoom" },
      make("button", { type: "button", id: "zoom-in", onclick: () => this.chart?.scaleBy(0.5) }, "Zoom in"),
      make("button", { type: "button", id: "zoom-out", onclick: () => this.chart?.scaleBy(2) }, "Zoom out"),
      make("button", { type: "button", id: "zoom-whole", onclick: () => this.chart?.whole() }, "All rows"),
      make("span", { class: "note" }, "or drag over the chart"),
    );
    root.append(
      make("div", { class: "controls" }, this.sigmas.node),
      this.columns,
      this.place,
      zoom,
      this.summary,
      this.attribution.node,
      make("h3", {}, "Episodes"),
      this.episodes.node,
    );
    /** @type {Chart | null} */
    this.chart = null;
    this.score = newest((signal, /** @type {import("./rows.js").Rows} */ rows) => this.ask(signal, rows));
  }

  headings() {
    const time = (/** @type {number} */ row) => this.time(row);
    return [
      { name: "from", show: time, csv: time },
      { name: "to", show: time, csv: time },
      { name: "rows above", show: whole },
      { name: "highest score", show: short },
      { name: "value there", show: short },
    ];
  }

  /** Show the scores of the user's data. @param {import("../../input.js").Given} given */
  async open(given) {
    if (given !== this.given) this.picked = {};
    this.given = given;
    const again = () => this.open(given).catch(this.kit.refuse);
    /** @type {import("./rows.js").Rows} */
    let rows;
    try {
      rows = readRows(given, this.data.columns, this.picked, again);
    } catch (error) {
      // What the page cannot read the server refuses, with the place.
      if (given.type !== "text/csv") await this.kit.ask({ body: given.bytes, type: given.type, accept: "text/csv" });
      throw error;
    }
    this.kit.input.say(rows.how);
    this.kit.input.picks.replaceChildren(
      ...(rows.picks.length ? [make("div", { class: "bar below" }, ...rows.picks)] : []),
    );
    try {
      await this.score(rows);
    } catch (error) {
      if (error instanceof Refused) error.place = rows.place(error.place);
      throw error;
    }
  }

  /** @param {AbortSignal} signal @param {import("./rows.js").Rows} rows */
  async ask(signal, rows) {
    const request = { body: rows.body, type: rows.type, accept: "text/csv" };
    const { bytes } = await this.kit.ask(request, signal, { client: this.client(rows) });
    this.kit.input.clear();
    const text = new TextDecoder().decode(bytes);
    this.scores = Float64Array.from(text.trimEnd().split("\n"), Number);
    this.rows = rows;
    this.shown = rows.columns.map((_, index) => index < SHOWN);
    this.offerColumns();
    this.rebuild();
    this.showHighest();
  }

  offerColumns() {
    const { names } = this.rows;
    this.columns.hidden = names.length < 2;
    const boxes = names.slice(0, LISTED).map((name, index) =>
      check(name, this.shown[index], (checked) => {
        this.shown[index] = checked;
        this.rebuild();
      }),
    );
    this.columns.replaceChildren(make("legend", {}, "Columns:"), ...boxes);
  }

  /** A chart for these columns. */
  rebuild() {
    const { names, times } = this.rows;
    const drawn = names.flatMap((_, index) => (this.shown[index] ? [index] : []));
    this.drawn = drawn;
    const line = (/** @type {number} */ at) => LINES[at % LINES.length];
    const dash = (/** @type {number} */ at) => (at < LINES.length ? undefined : [6, 2 + Math.floor(at / LINES.length)]);
    this.chart = new Chart({
      title: "Values and scores",
      keys: [
        ...drawn.map((index, at) =>
          key(names.length > 1 || this.rows.how ? names[index] : "values", {
            colour: line(at),
            dash: dash(at)?.join(" "),
          }),
        ),
        key("score", { colour: "--mark", width: 1.5 }),
        key("line", { colour: "--mark", dash: "4 3", width: 1.5 }),
        key("anomaly", { colour: "--ink", dot: true }),
      ],
      height: 340,
      zoom: true,
      read: (index) => this.read(index),
      point: (index) => index !== null && this.attribution.show(this.rows, index, this.time(index)),
      start: () => this.highest(),
      describe: () => `${this.summary.textContent} Arrow keys read the rows, + and − zoom.`,
      columns: [times ? "time" : "row", ...drawn.map((index) => names[index]), "score", "anomaly"],
      row: (index) => [
        this.time(index),
        ...drawn.map((each) => short(this.rows.columns[each][index])),
        short(this.scores[index]),
        this.scores[index] > this.line ? "yes" : "",
      ],
      plot: {
        scales: {
          x: { time: Boolean(times) },
          ...Object.fromEntries(drawn.map((_, at) => [`lane${at}`, laneScale(at, drawn.length)])),
          score: {
            range: (/** @type {any} */ _, /** @type {number} */ least, /** @type {number} */ most) =>
              scoreRange(least, most, this.line),
          },
        },
        series: [
          {},
          ...drawn.map((_, at) => ({
            scale: `lane${at}`,
            stroke: () => colour(line(at)),
            width: 1.2,
            dash: dash(at),
            points,
          })),
          { scale: "score", stroke: () => colour("--mark"), width: 1.2, points },
          {
            scale: "score",
            stroke: () => colour("--ink"),
            width: 0,
            paths: () => null,
            points: { show: true, size: 6, fill: () => colour("--ink") },
          },
        ],
        axes: [
          times ? timeAxis() : axis({ space: 80, size: 30, values: numbers }),
          ...(drawn.length ? [laneAxis(drawn.length)] : []),
          axis({
            scale: "score",
            side: 1,
            size: 44,
            values: numbers,
            filter: scoreTicks,
            grid: { show: false },
            ticks: { stroke: () => colour("--line"), width: 1, size: 5, filter: scoreTicks },
            stroke: () => colour("--mark"),
          }),
        ],
        hooks: {
          draw: [
            (/** @type {any} */ u) => {
              this.drawLine(u);
              drawExtents(
                u,
                drawn.map((_, at) => line(at)),
              );
            },
          ],
        },
      },
    });
    this.place.replaceChildren(this.chart.node);
    this.mark(false);
  }

  /** Draw the line, the anomalies and the episodes. @param {boolean} keep the range */
  mark(keep) {
    if (!this.scores || !this.chart) return;
    const { mean, deviation } = spread(this.scores);
    this.line = mean + this.sigmas.value * deviation;
    const found = episodesOf(this.scores, this.line);
    const above = found.reduce((sum, { rows }) => sum + rows, 0);
    const model = `The model’s own threshold is ${short(this.data.threshold)}.`;
    this.summary.textContent =
      `${counted(this.rows.count, "row")}; ${whole(above)} of them, in ${counted(found.length, "episode")}, ` +
      `are above ${short(this.line)} (mean ${short(mean)} + ${this.sigmas.value.toFixed(1)} × σ ${short(deviation)}). ${model}`;
    const x = this.rows.times ?? Float64Array.from(this.scores, (_, row) => row + 1);
    const anomalies = Array.from(this.scores, (score) => (score > this.line ? score : null));
    this.chart.show([x, ...this.drawn.map((index) => this.rows.columns[index]), this.scores, anomalies], keep);
    const column = this.drawn[0] ?? 0;
    this.episodes.rename(4, `${this.rows.names[column]} there`);
    this.episodes.show(
      found.map(({ first, last, rows, peak }) => [
        first,
        last,
        rows,
        this.scores[peak],
        this.rows.columns[column][peak],
      ]),
    );
  }

  /** Explain the highest score, until the cursor is somewhere. */
  showHighest() {
    const row = this.highest();
    this.attribution.show(this.rows, row, this.time(row));
    if (this.episodes.sorted.column < 0) this.episodes.sort(3);
  }

  /** The row of the highest score. */
  highest() {
    let row = 0;
    for (let at = 1; at < this.scores.length; at++) if (this.scores[at] > this.scores[row]) row = at;
    return row;
  }

  /** @param {any} u */
  drawLine(u) {
    const y = u.valToPos(this.line, "score", true);
    const { ctx, bbox } = u;
    if (y < bbox.top || y > bbox.top + bbox.height) return;
    ctx.save();
    ctx.strokeStyle = colour("--mark");
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.restore();
  }

  /** @param {any[]} row of the table of episodes */
  zoomTo([first, last]) {
    const x = this.chart?.data[0] ?? [];
    const around = Math.max(48, last - first);
    const [from, to] = [Math.max(0, first - around), Math.min(x.length - 1, last + around)];
    this.chart?.zoomTo(x[from], x[to]);
    let peak = first;
    for (let at = first; at <= last; at++) if (this.scores[at] > this.scores[peak]) peak = at;
    this.chart?.moveTo(peak);
    this.chart?.canvas.scrollIntoView({ block: "nearest" });
  }

  /** @param {number} row */
  time(row) {
    const { times } = this.rows;
    return times ? timeText(times[row]) : `row ${whole(row + 1)}`;
  }

  /** @param {number} row */
  read(row) {
    const { columns, names } = this.rows;
    const values = this.drawn.map(
      (index) => `${names.length > 1 ? names[index] : "value"} ${short(columns[index][row])}`,
    );
    const anomaly = this.scores[row] > this.line ? ", an anomaly" : "";
    return `${this.time(row)}: ${values.join(", ")}, score ${short(this.scores[row])}${anomaly}`;
  }

  /** The same with our client. @param {import("./rows.js").Rows} rows */
  client({ columns, count }) {
    const shown = Math.min(count, COPIED);
    const lines = Array.from(
      { length: shown },
      (_, row) => `    [${columns.map((column) => column[row]).join(", ")}],`,
    );
    if (count > shown) lines.push(`    # … and ${whole(count - shown)} more rows`);
    const predictor = `predictor = forecastle.RandomCutForestPredictor("${this.kit.url}")`;
    return ["import forecastle", "", "rows = [", ...lines, "]", predictor, "print(predictor.predict(rows))"].join("\n");
  }
}
