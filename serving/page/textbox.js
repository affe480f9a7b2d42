/** A request as it is, for an algorithm without its own page: body, media types, attributes and the answer. */

import { make } from "./dom.js";
import { short, sizeText } from "./numbers.js";
import { Refused } from "./server.js";

const SHOWN = 200_000; // characters of an answer
const HEX = 256; // bytes of a binary one

export class TextBox {
  /**
   * @param {HTMLElement} root
   * @param {{model: any, ask: (request: import("./server.js").Request) => Promise<import("./server.js").Answer>}} kit
   */
  constructor(root, kit) {
    this.kit = kit;
    const { model } = kit;
    const options = (/** @type {string[]} */ names) => names.map((name) => make("option", {}, name));
    this.body = make("textarea", { spellcheck: "false", autocomplete: "off", "aria-label": "Body" });
    this.type = make("select", {}, ...options(model.request_types));
    this.accept = make("select", {}, ...options(model.response_types));
    this.attributes = make("input", { type: "text", maxlength: 1024, autocomplete: "off" });
    this.button = make("button", { class: "main" }, "Send");
    this.result = make("div", { "aria-live": "polite" });
    const form = make(
      "form",
      {
        onsubmit: (/** @type {Event} */ event) => {
          event.preventDefault();
          this.send();
        },
      },
      this.body,
      make(
        "div",
        { class: "two bar below" },
        make("label", {}, "Content-Type", this.type),
        make("label", {}, "Accept", this.accept),
      ),
      make("div", { class: "two" }, make("label", {}, "X-Amzn-SageMaker-Custom-Attributes", this.attributes)),
      make("div", { class: "bar below" }, this.button, make("kbd", {}, "Ctrl + Enter")),
    );
    form.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.send();
    });
    root.append(form, this.result);
  }

  /** @param {string} body @param {string} type @param {string} [attributes] */
  fill(body, type, attributes = "") {
    this.body.value = body;
    this.type.value = type;
    this.attributes.value = attributes;
  }

  async send() {
    this.button.disabled = true;
    try {
      const answer = await this.kit.ask({
        body: this.body.value,
        type: this.type.value,
        accept: this.accept.value,
        attributes: this.attributes.value,
      });
      this.show(answer);
    } catch (error) {
      const refused = error instanceof Refused;
      const sentence = refused
        ? `${error.status}: ${error.message}`
        : `No answer: ${/** @type {Error} */ (error).message}.`;
      this.result.replaceChildren(make("div", { class: "refusal" }, sentence));
    }
    this.button.disabled = false;
  }

  /** @param {import("./server.js").Answer} answer */
  show({ status, bytes, type, ms, id }) {
    const binary = /protobuf|octet-stream/.test(type);
    const hex = [...bytes.slice(0, HEX)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = binary ? `${bytes.length} bytes: ${hex}` : pretty(new TextDecoder().decode(bytes), type);
    const facts = [make("b", {}, status), `${short(ms)} ms`, sizeText(bytes.length), type, `id ${id}`];
    this.result.replaceChildren(
      make("div", { class: "meta bar below" }, ...facts.map((fact) => make("span", {}, fact))),
      make("pre", { tabindex: 0, "aria-label": "Answer" }, text),
    );
  }
}

/** @param {string} text @param {string} type */
function pretty(text, type) {
  if (text.length > SHOWN) return `${text.slice(0, SHOWN)} …`;
  if (type !== "application/json") return text;
  const onOneLine = (/** @type {string} */ part) => part.replace(/\s*\n\s*/g, " ");
  try {
    // Rows of numbers and small objects stay on one line.
    return JSON.stringify(JSON.parse(text), null, 2)
      .replace(/\[[-\d.eE,\s]*\]/g, onOneLine)
      .replace(/\{[^{}[\]]*\}/g, onOneLine);
  } catch {
    return text;
  }
}
