/** A chart: a canvas by uPlot for the eye, a sentence, a readout and a table for everyone. */

import { make } from "./dom.js";

const FONT = '11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
const JUMP = 10; // steps of an arrow key with Shift
const ROWS = 100; // of a table, at most: the chart's range selects them

/** A colour of the style sheet, which differs in light and dark. @param {string} name */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** The same colour, as transparent as `share` says. @param {string} name @param {number} share */
export const faint = (name, share) => {
  const found = colour(name);
  const hex = found.length === 4 ? found.replace(/[\da-f]/gi, "$&$&") : found;
  return (
    hex +
    Math.round(share * 255)
      .toString(16)
      .padStart(2, "0")
  );
};

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const DAY = 86400;

/** Times on an axis: 14:00, 6 Jan, Jan, 2014, with the day or the year below where it changes. @param {any} _ @param {number[]} splits @param {number} __ @param {number} ___ @param {number} step */
function times(_, splits, __, ___, step) {
  let before = "";
  return splits.map((split) => {
    const date = new Date(split * 1000);
    const year = String(date.getUTCFullYear());
    const day = `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
    if (step >= 360 * DAY) return year;
    const clock = date.toISOString().slice(11, step < 60 ? 19 : 16);
    const [text, below] =
      step >= 27 * DAY ? [MONTHS[date.getUTCMonth()], year] : step >= DAY ? [day, year] : [clock, day];
    const label = below === before ? text : `${text}\n${below}`;
    before = below;
    return label;
  });
}

/** An axis of times. @param {object} [more] */
export const timeAxis = (more = {}) => axis({ space: 64, size: 42, values: times, ...more });

/** An axis in the style sheet's colours. @param {object} [more] */
export const axis = (more = {}) => ({
  stroke: () => colour("--soft"),
  grid: { stroke: () => colour("--line"), width: 1 },
  ticks: { stroke: () => colour("--line"), width: 1, size: 5 },
  font: FONT,
  ...more,
});

/**
 * The points of a series that no line reaches: those without a neighbour. uPlot draws no others where they are dense.
 * @param {any} u @param {number} series @param {boolean} all whether all are drawn anyway
 */
export function alone(u, series, all) {
  if (all) return null;
  const values = u.data[series];
  const there = (/** @type {number} */ at) => values[at] !== null && values[at] !== undefined;
  const found = [];
  for (let at = 0; at < values.length; at++) if (there(at) && !there(at - 1) && !there(at + 1)) found.push(at);
  return found.length ? found : null;
}

/** How a line looks in the legend. @param {string} name @param {{colour: string, dash?: string, width?: number, band?: boolean, dot?: boolean}} look */
export function key(name, look) {
  const stroke = `var(${look.colour})`;
  let mark = make("line", {
    x1: 0,
    y1: 5,
    x2: 18,
    y2: 5,
    stroke,
    "stroke-width": look.width ?? 2,
    "stroke-dasharray": look.dash,
  });
  if (look.band) mark = make("rect", { width: 18, height: 10, rx: 2, fill: stroke, opacity: 0.25 });
  if (look.dot) mark = make("circle", { cx: 9, cy: 5, r: 3.5, fill: stroke });
  return make("span", { class: "key" }, make("svg", { viewBox: "0 0 18 10", "aria-hidden": "true" }, mark), name);
}

/**
 * @typedef {object} Options
 * @property {string} title
 * @property {(Node | null)[]} keys of the legend
 * @property {number} height in pixels
 * @property {Record<string, any>} plot uPlot's options but for size and cursor
 * @property {(index: number) => string} read the sentence about the point under the cursor
 * @property {(index: number | null) => void} [point] the cursor moved
 * @property {() => number} [start] the point that is read before the cursor is somewhere
 * @property {() => string} describe the sentence that replaces the picture
 * @property {string[]} [columns] of the table
 * @property {(index: number) => string[]} [row] of the table
 * @property {boolean} [zoom]
 * @property {string} [together] charts of the same name share their cursor
 */

export class Chart {
  /** @param {Options} options */
  constructor(options) {
    this.options = options;
    this.plot = /** @type {any} */ (null);
    this.data = /** @type {any[]} */ ([[]]);
    this.held = /** @type {number | null} */ (null);
    this.canvas = make("div", { class: "plot", role: "img", tabindex: 0, "aria-label": options.title });
    this.readout = make("p", { class: "readout", "aria-live": "polite" });
    this.keys = make("figcaption", {}, make("strong", {}, options.title), ...options.keys);
    this.node = make("figure", {}, this.keys, this.canvas, this.readout);
    if (options.columns) this.node.append(this.table());
    this.canvas.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.pressed(event));
    new ResizeObserver(() => this.resize()).observe(this.canvas);
    for (const query of ["(prefers-color-scheme: dark)", "(resolution: 1dppx)"])
      matchMedia(query).addEventListener("change", () => this.plot?.redraw(false, true));
  }

  /** Show other data; the range stays if `keep`. @param {any[]} data @param {boolean} [keep] */
  show(data, keep = false) {
    this.data = data;
    if (!this.plot) this.create();
    else if (keep) {
      const { min, max } = this.plot.scales.x;
      this.plot.batch(() => {
        this.plot.setData(data, false);
        this.plot.setScale("x", { min, max });
      });
    } else this.plot.setData(data);
    this.describe();
  }

  create() {
    const { plot, height, zoom = false, together } = this.options;
    const width = this.canvas.clientWidth || 600;
    this.plot = new window.uPlot(
      {
        width,
        height,
        legend: { show: false },
        tzDate: (/** @type {number} */ seconds) => window.uPlot.tzDate(new Date(seconds * 1000), "UTC"),
        padding: [10, 8, 0, 0],
        ...plot,
        cursor: {
          y: false,
          drag: { x: zoom, y: false, setScale: zoom },
          points: { size: 7, width: 2, fill: () => colour("--card") },
          ...(together ? { sync: { key: together } } : {}),
        },
        hooks: {
          ...plot.hooks,
          setCursor: [(/** @type {any} */ u) => this.moved(u.cursor.idx ?? null)],
          setScale: [(/** @type {any} */ u, /** @type {string} */ name) => name === "x" && this.ranged()],
        },
      },
      this.data,
      this.canvas,
    );
  }

  resize() {
    const width = this.canvas.clientWidth;
    if (this.plot && width && width !== this.plot.width) this.plot.setSize({ width, height: this.options.height });
  }

  /** Replace the legend. @param {(Node | null)[]} keys */
  legend(keys) {
    this.keys.replaceChildren(make("strong", {}, this.options.title), ...keys.filter((each) => each !== null));
  }

  /** Update the sentence and the table, which is filled only where it is open. */
  describe() {
    this.canvas.setAttribute("aria-label", this.options.describe());
    if (this.held !== null && this.held >= this.data[0].length) this.held = null;
    const index = this.held ?? this.options.start?.() ?? null;
    if (index !== null) this.readout.textContent = this.options.read(index);
    if (this.details?.open) this.fill();
  }

  /** @param {number | null} index */
  moved(index) {
    if (index === null && this.held !== null && this.held < this.data[0].length) index = this.held;
    this.held = index;
    if (index !== null && index < this.data[0].length) this.readout.textContent = this.options.read(index);
    this.options.point?.(index);
  }

  ranged() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.details?.open && this.fill(), 100);
  }

  /** The first and last point in the range that is shown. @returns {[number, number]} */
  range() {
    const { min, max } = this.plot.scales.x;
    const x = this.data[0];
    let first = 0;
    let last = x.length - 1;
    while (first < last && x[first] < min) first++;
    while (last > first && x[last] > max) last--;
    return [first, last];
  }

  /** @param {number} index */
  moveTo(index) {
    const at = Math.max(0, Math.min(this.data[0].length - 1, index));
    const x = this.data[0][at];
    const { min, max } = this.plot.scales.x;
    if (x < min || x > max) this.zoomTo(x - (max - min) / 2, x + (max - min) / 2);
    const left = this.plot.valToPos(x, "x");
    this.plot.setCursor({ left, top: this.options.height / 3 });
    this.moved(at);
  }

  /** @param {number} min @param {number} max */
  zoomTo(min, max) {
    const x = this.data[0];
    const [first, last] = [x[0], x[x.length - 1]];
    const span = Math.min(max - min, last - first);
    const from = Math.max(first, Math.min(min, last - span));
    this.plot.batch(() => this.plot.setScale("x", { min: from, max: from + span })); // at once, for what comes next
  }

  whole() {
    const x = this.data[0];
    this.plot.setScale("x", { min: x[0], max: x[x.length - 1] });
  }

  /** Half or twice the range, around the cursor. @param {number} factor */
  scaleBy(factor) {
    const { min, max } = this.plot.scales.x;
    const middle = this.held === null ? (min + max) / 2 : this.data[0][this.held];
    this.zoomTo(middle - (middle - min) * factor, middle + (max - middle) * factor);
  }

  /** @param {KeyboardEvent} event */
  pressed(event) {
    if (!this.plot || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = event.shiftKey ? JUMP : 1;
    const [first, last] = this.range();
    const held = this.held ?? first - 1;
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowLeft: () => this.moveTo(this.held === null ? last : held - step),
      ArrowRight: () => this.moveTo(held + step),
      Home: () => this.moveTo(first),
      End: () => this.moveTo(last),
    };
    if (this.options.zoom)
      Object.assign(keys, {
        "+": () => this.scaleBy(0.5),
        "-": () => this.scaleBy(2),
        0: () => this.whole(),
        Escape: () => this.whole(),
      });
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  table() {
    const { columns = [] } = this.options;
    this.body = make("tbody");
    this.caption = make("p", { class: "note" });
    const head = make("tr", {}, ...columns.map((name) => make("th", { scope: "col" }, name)));
    const box = make("div", {
      class: "scroll",
      tabindex: 0,
      role: "region",
      "aria-label": `${this.options.title}, as a table`,
    });
    box.append(make("table", {}, make("thead", {}, head), this.body));
    this.details = make("details", {}, make("summary", {}, "The same as a table"), box, this.caption);
    this.details.addEventListener("toggle", () => this.details.open && this.plot && this.fill());
    return this.details;
  }

  fill() {
    const [first, last] = this.range();
    const shown = Math.min(last, first + ROWS - 1);
    const rows = [];
    for (let index = first; index <= shown; index++)
      rows.push(make("tr", {}, ...(this.options.row?.(index) ?? []).map((cell) => make("td", {}, cell))));
    this.body.replaceChildren(...rows);
    const rest = last - shown;
    this.caption.textContent = rest
      ? `The first ${ROWS} of ${last - first + 1} rows in view: zoom in to see others.`
      : "";
  }
}
