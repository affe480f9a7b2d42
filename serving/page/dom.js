/** Elements. Text from data becomes text nodes and attributes, never HTML. */

const SVG = "http://www.w3.org/2000/svg";
const DRAWN = new Set(["svg", "path", "line", "rect", "circle", "title"]);

/**
 * An element; `on…` of `attributes` are listeners, `true` is an attribute without a value, and null none.
 * @template {string} T
 * @param {T} tag
 * @param {Record<string, any>} [attributes]
 * @param {...(Node | string | number | null | undefined)} children
 * @returns {any}
 */
export function make(tag, attributes = {}, ...children) {
  const node = DRAWN.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined).map((child) => asNode(child)));
  return node;
}

/** @param {Node | string | number} child */
const asNode = (child) => (child instanceof Node ? child : document.createTextNode(String(child)));

/** @param {string} id @returns {any} */
export const byId = (id) => document.getElementById(id);

/** @param {Iterable<[string, string | number | Node]>} entries @returns {HTMLDListElement} */
export function list(entries) {
  const breakable = (/** @type {string} */ text) => text.split(/(?<=_)/).flatMap((part) => [make("wbr"), part]);
  const row = (/** @type {[string, string]} */ [name, value]) => [
    make("dt", {}, name),
    make("dd", {}, ...breakable(value)),
  ];
  return make("dl", {}, ...[...entries].flatMap(row));
}

/**
 * A slider under its label and its value.
 * @param {{label: string, min: number, max: number, step: number, value: number, id?: string,
 *   shown?: (value: number) => string, change: (value: number) => void}} options
 */
export function slider({ label, min, max, step, value, id, shown = String, change }) {
  const output = make("output", {}, shown(value));
  const input = make("input", { type: "range", min, max, step, value, id, "aria-valuetext": shown(value) });
  const node = make("label", { class: "slider" }, make("span", {}, label, output), input);
  const show = () => {
    output.textContent = shown(Number(input.value));
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", () => {
    show();
    change(Number(input.value));
  });
  return {
    node,
    input,
    get value() {
      return Number(input.value);
    },
    /** @param {number} most @param {number} now */
    limit(most, now) {
      input.max = String(most);
      input.value = String(now);
      show();
    },
  };
}

/**
 * A drop-down list.
 * @param {string} label @param {string[]} names @param {number} chosen @param {(index: number) => void} change
 */
export function chooser(label, names, chosen, change) {
  const id = label.toLowerCase().replace(/\W+/g, "-");
  const select = make("select", { id }, ...names.map((name, index) => make("option", { value: index }, name)));
  select.value = String(chosen);
  select.addEventListener("change", () => change(Number(select.value)));
  return make("label", {}, label, " ", select);
}

/** @param {string} label @param {boolean} checked @param {(checked: boolean) => void} change */
export function check(label, checked, change) {
  const input = make("input", { type: "checkbox", checked });
  input.addEventListener("change", () => change(input.checked));
  return make("label", { class: "check" }, input, label);
}

/** Offer a text as a download. @param {string} name @param {BlobPart} content @param {string} type */
export function download(name, content, type) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
