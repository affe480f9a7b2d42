/** The last request as a program sends it. */

import { download, make } from "./dom.js";
import { short } from "./numbers.js";

const PASTED = 3000; // bytes; a longer body is read from a file

/** @typedef {{body: Uint8Array | string, type: string, accept: string, attributes?: string, client?: string}} Sent */

/** @param {string} text */
const quoted = (text) =>
  "$'" + text.replaceAll("\\", "\\\\").replaceAll("'", "\\'").replaceAll("\n", "\\n").replaceAll("\r", "\\r") + "'";

export class Snippets {
  /** @param {HTMLElement} section @param {{address: string, several: boolean, name: string}} page */
  constructor(section, page) {
    this.page = page;
    /** @type {Sent | null} */
    this.sent = null;
    this.chosen = "curl";
    this.text = make("pre", { tabindex: 0, role: "tabpanel", id: "snippet", "aria-label": "The request as a program" });
    this.said = make("span", { class: "note", role: "status" });
    this.tabs = make("div", { class: "bar", role: "tablist", "aria-label": "Language" });
    this.file = make("button", { type: "button", onclick: () => this.save() }, "Download its body");
    this.makers = /** @type {Record<string, () => string>} */ ({
      curl: () => this.curl(),
      boto3: () => this.boto3(),
      forecastle: () => this.sent?.client ?? "",
    });
    const copy = make("button", { type: "button", class: "main", onclick: () => this.copy() }, "Copy");
    section.append(this.tabs, this.text, make("div", { class: "bar below" }, copy, this.file, this.said));
    for (const name of Object.keys(this.makers)) this.tabs.append(this.tab(name));
    this.choose("curl");
  }

  /** @param {string} name */
  tab(name) {
    const tab = make("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "snippet" }, name);
    tab.addEventListener("click", () => this.choose(name));
    tab.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const shown = [...this.tabs.children].filter((each) => !each.hidden);
      const next = shown[(shown.indexOf(tab) + step + shown.length) % shown.length];
      this.choose(next.textContent);
      next.focus();
    });
    return tab;
  }

  /** @param {string} name */
  choose(name) {
    this.chosen = name;
    for (const tab of this.tabs.children) {
      const selected = tab.id === `tab-${name}`;
      tab.setAttribute("aria-selected", String(selected));
      tab.tabIndex = selected ? 0 : -1;
    }
    this.write();
  }

  /** @param {Sent} sent */
  show(sent) {
    this.sent = sent;
    this.tabs.lastChild.hidden = !sent.client;
    if (!sent.client && this.chosen === "forecastle") this.choose("curl");
    else this.write();
  }

  write() {
    if (!this.sent) return;
    this.text.textContent = this.makers[this.chosen]();
    this.file.hidden = this.pasted() !== null;
    this.said.textContent = "";
  }

  /** The body as text, or null if it is long or binary. */
  pasted() {
    const body = this.body();
    return body !== null && body.length <= PASTED ? body : null;
  }

  /** The body as text, or null if it is binary. @returns {string | null} */
  body() {
    const { body, type } = /** @type {Sent} */ (this.sent);
    if (typeof body === "string") return body;
    return type.includes("protobuf") ? null : new TextDecoder().decode(body);
  }

  get fileName() {
    const endings = /** @type {Record<string, string>} */ ({
      "text/csv": "csv",
      "application/json": "json",
      "application/jsonlines": "jsonl",
    });
    return `request.${endings[/** @type {Sent} */ (this.sent).type] ?? "bin"}`;
  }

  save() {
    const { body, type } = /** @type {Sent} */ (this.sent);
    download(this.fileName, /** @type {BlobPart} */ (body), type);
  }

  async copy() {
    try {
      await navigator.clipboard.writeText(this.text.textContent);
      this.said.textContent = "Copied.";
    } catch {
      getSelection()?.selectAllChildren(this.text);
      this.said.textContent = "Selected: press Ctrl + C.";
    }
  }

  curl() {
    const { type, accept, attributes } = /** @type {Sent} */ (this.sent);
    const body = this.pasted();
    const lines = [
      `curl ${new URL(this.page.address, location.href)} \\`,
      `  -H 'Content-Type: ${type}' -H 'Accept: ${accept}' \\`,
    ];
    if (attributes) lines.push(`  -H ${quoted(`X-Amzn-SageMaker-Custom-Attributes: ${attributes}`)} \\`);
    return [...lines, `  --data-binary ${body === null ? `@${this.fileName}` : quoted(body)}`].join("\n");
  }

  boto3() {
    const { type, accept, attributes } = /** @type {Sent} */ (this.sent);
    const body = this.pasted();
    const more = [
      ...(this.page.several ? [`    TargetModel=${JSON.stringify(this.page.name)},`] : []),
      ...(attributes ? [`    CustomAttributes=${JSON.stringify(attributes)},`] : []),
    ];
    return [
      "import boto3",
      "",
      "runtime = boto3.client(",
      `    "sagemaker-runtime", endpoint_url="${location.origin}",`,
      '    region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any",',
      ")",
      "response = runtime.invoke_endpoint(",
      '    EndpointName="any-name",',
      `    ContentType="${type}",`,
      `    Accept="${accept}",`,
      ...more,
      `    Body=${body === null ? `open("${this.fileName}", "rb")` : JSON.stringify(body)},`,
      ")",
      'print(response["Body"].read().decode())',
    ].join("\n");
  }
}

/** A Python list of numbers, cut where it is long. @param {ArrayLike<number | null>} values @param {number} most */
export function pythonList(values, most = 40) {
  const shown = Array.from({ length: Math.min(values.length, most) }, (_, index) => {
    const value = values[index];
    return value === null || Number.isNaN(value) ? 'float("nan")' : String(value);
  });
  const rest = values.length - shown.length;
  return `[${shown.join(", ")}${rest ? `]  # … and ${short(rest)} more` : "]"}`;
}
