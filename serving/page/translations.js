/** The page of models that translate: a box of sentences, their translations, and the attention of one as a heat map. */

import { make, slider } from "./dom.js";
import { newest, Refused } from "./server.js";
import { heatMap } from "./heat.js";
import { sentencesOf } from "./sentences.js";

const WAIT_MS = 350; // after the last key
const MOST = 50; // sentences at a time
const COPIED = 20; // sentences in a program

/** @param {HTMLElement} root @param {any} kit see main.js */
export const create = (root, kit) => new Translations(root, kit);

class Translations {
  /** @param {HTMLElement} root @param {any} kit */
  constructor(root, kit) {
    this.kit = kit;
    this.title = "Translation";
    this.data = kit.model.data;
    this.chosen = 0;
    /** @type {any[]} */
    this.predictions = [];
    this.box = make("textarea", {
      id: "sentences",
      rows: 4,
      spellcheck: "false",
      "aria-label": "Sentences, one a line",
      oninput: () => this.typed(),
    });
    this.refusal = make("div", { role: "alert", id: "sentence-refusal" });
    this.beam = slider({
      label: "Width of the beam",
      id: "beam",
      min: 1,
      max: Math.max(10, this.data.beam_size),
      step: 1,
      value: this.data.beam_size,
      change: () => this.again(),
    });
    this.penalty = slider({
      label: "Length penalty",
      id: "penalty",
      min: 0,
      max: 3,
      step: 0.1,
      value: Math.min(3, this.data.length_penalty),
      shown: (value) => value.toFixed(1),
      change: () => this.again(),
    });
    this.list = make("ol", { id: "translations", "aria-live": "polite" });
    this.others = make("ul", { id: "others" });
    this.map = make("div", { id: "attention" });
    root.append(
      make("p", { class: "note" }, "Type sentences, one a line."),
      this.box,
      this.refusal,
      make("div", { class: "controls" }, this.beam.node, this.penalty.node),
      make("h3", {}, "Translations"),
      this.list,
      make("h3", {}, "Other translations of the chosen sentence, with their scores"),
      this.others,
      make("h3", {}, "Attention: what each word was translated from"),
      this.map,
    );
    this.translate = newest((signal, /** @type {string[]} */ sentences) => this.ask(signal, sentences));
  }

  /** Show the translation of the user's data. @param {import("./input.js").Given} given */
  async open(given) {
    const sentences = sentencesOf(given);
    if (!sentences) {
      // What the page cannot read the server refuses, with the place.
      await this.kit.ask({ body: given.bytes, type: given.type, accept: "application/json" });
      throw new Error("the data has no sentences that can be shown");
    }
    this.box.value = sentences.slice(0, MOST).join("\n");
    this.chosen = 0;
    await this.translate(sentences.slice(0, MOST));
    if (sentences.length > MOST) this.kit.input.say(`The first ${MOST} of ${sentences.length} sentences are shown.`);
  }

  typed() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.again(), WAIT_MS);
  }

  /** Translate what is in the box. */
  async again() {
    const sentences = this.box.value.split("\n").filter((/** @type {string} */ line) => line.trim());
    if (!sentences.length) return;
    try {
      await this.translate(sentences.slice(0, MOST));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.refusal.replaceChildren(make("div", { class: "refusal" }, error.message));
    }
  }

  /** @param {AbortSignal} signal @param {string[]} sentences */
  async ask(signal, sentences) {
    const beam = this.beam.value;
    const configuration = {
      attention_matrix: "true",
      beam_size: beam,
      length_penalty: this.penalty.value,
      n_best: beam,
      scores: true,
    };
    const body = JSON.stringify({ instances: sentences.map((data) => ({ data })), configuration });
    const request = { body, type: "application/json", accept: "application/json" };
    const { bytes } = await this.kit.ask(request, signal, { client: this.client(sentences) });
    this.kit.input.clear();
    this.refusal.replaceChildren();
    this.sentences = sentences;
    this.predictions = JSON.parse(new TextDecoder().decode(bytes)).predictions;
    this.chosen = Math.min(this.chosen, sentences.length - 1);
    this.show();
  }

  show() {
    const several = this.predictions.length > 1;
    const items = this.predictions.map(({ target }, index) =>
      make(
        "li",
        {},
        several
          ? make(
              "button",
              {
                type: "button",
                "aria-pressed": String(index === this.chosen),
                "aria-label": `${target}: show its attention`,
                onclick: () => this.choose(index),
              },
              target || "(nothing)",
            )
          : target || "(nothing)",
      ),
    );
    this.list.replaceChildren(...items);
    this.showChosen();
  }

  /** @param {number} index */
  choose(index) {
    this.chosen = index;
    this.show();
    this.list.querySelectorAll("button")[index]?.focus();
  }

  showChosen() {
    const prediction = this.predictions[this.chosen];
    const source = prediction.source_tokens ?? this.sentences[this.chosen].trim().split(/\s+/);
    const target = prediction.target_tokens ?? prediction.target.split(" ").filter(Boolean);
    this.map.replaceChildren(heatMap(source, target, prediction.matrix));
    const others = (prediction.n_best ?? []).slice(1);
    this.others.replaceChildren(
      ...others.map((/** @type {any} */ each) => make("li", {}, `${each.target} (${each.score.toFixed(2)})`)),
    );
    if (!others.length) this.others.replaceChildren(make("li", {}, "none, with a beam of width 1"));
  }

  /** The same with our client. @param {string[]} sentences */
  client(sentences) {
    const lines = sentences.slice(0, COPIED).map((sentence) => `    ${JSON.stringify(sentence)},`);
    const predictor = `predictor = forecastle.Seq2SeqPredictor("${this.kit.url}")`;
    return [
      "import forecastle",
      "",
      "sentences = [",
      ...lines,
      "]",
      predictor,
      "print(predictor.predict(sentences))",
    ].join("\n");
  }
}
