/** The page: the model and the server, and the algorithm's own part, which draws its answers. */

import { byId, make } from "./dom.js";
import { showLimits, showModel } from "./facts.js";
import { Input } from "./input.js";
import { short, sizeText } from "./numbers.js";
import { Refused, send } from "./server.js";
import { Snippets } from "./snippets.js";
import { TextBox } from "./textbox.js";

/**
 * What an algorithm's page.js is given. It exports `create(root, kit)`, which returns an object with a `title` and
 * `open(given)`: show the answer to the user's data, or throw `Refused`.
 * @typedef {object} Kit
 * @property {any} model the model as the server describes it; `model.data` is from the algorithm's `Model.page_data`
 * @property {(request: import("./server.js").Request, signal?: AbortSignal, note?: Note) => Promise<import("./server.js").Answer>} ask
 * @property {Input} input
 * @property {(error: any) => void} refuse show an error beside the data, at its place
 * @property {HTMLElement} figures the place of further charts of the model
 * @property {string} url the server's, or the model's on a server of several
 * @typedef {{quiet?: boolean, client?: string}} Note quiet: the request is not offered for copying; client: the same
 *   in Python, with our client
 */

const page = JSON.parse(byId("page").textContent);
const { model } = page;
const PING_MS = 5000;

const status = byId("status");

async function ping() {
  let text = "no answer";
  let look = "bad";
  try {
    const response = await fetch("ping");
    await response.text();
    [text, look] = response.ok ? ["ready", "good"] : ["not ready", ""];
    if (response.ok && !model && !page.several) location.reload();
  } catch {
    // said by `text`
  }
  if (status.textContent !== text) status.textContent = text;
  status.className = `pill ${look}`;
  setTimeout(ping, model ? PING_MS : 1000);
}

const asked = make("p", { class: "meta", "aria-live": "off", id: "asked" });
const snippets =
  model && new Snippets(byId("calls"), { address: page.address, several: page.several, name: model.name });

/** @type {Kit["ask"]} */
async function ask(request, signal, note = {}) {
  const answer = await send(page.address, request, signal);
  if (!note.quiet) {
    const facts = [make("b", {}, answer.status), `${short(answer.ms)} ms`, sizeText(answer.bytes.length), answer.type];
    asked.replaceChildren(...facts.map((fact) => make("span", {}, fact)));
    snippets.show({ ...request, client: note.client });
  }
  return answer;
}

async function example() {
  const response = await fetch(`page/example?model=${encodeURIComponent(model.name)}`);
  return new Uint8Array(await response.arrayBuffer());
}

async function showTextBox() {
  const box = new TextBox(byId("view"), { model, ask });
  box.fill(new TextDecoder().decode(await example()), model.example.content_type, model.example.attributes);
  await box.send();
}

async function showPage() {
  const { create } = await import(new URL(model.script, location.href).href);
  const section = byId("input");
  section.hidden = false;
  /** @type {any} */
  let view = null;
  const input = new Input(section, {
    types: model.request_types,
    example: async () => input.open(await example(), "the example", model.example.content_type, true),
    opened: async (given) => {
      try {
        await view.open(given);
      } catch (error) {
        if (input.given === given) refuse(error); // else the user has given other data since
      }
    },
  });
  const refuse = (/** @type {any} */ error) =>
    error instanceof Refused
      ? input.refuse(error.message, error.place)
      : input.refuse(`The page failed: ${error.message}`, []);
  const kit = {
    model,
    ask,
    input,
    refuse,
    figures: byId("facts"),
    url: new URL(page.several ? page.address : ".", location.href).href.replace(/\/$/, ""),
  };
  view = create(byId("view"), kit);
  if (view.title) byId("work-title").textContent = view.title;
  byId("view").append(asked);
  takeDrops(input);
  await input.options.example();
  offerRaw();
}

/** Files may be dropped anywhere. @param {Input} input */
function takeDrops(input) {
  const sign = byId("drop");
  let depth = 0;
  const show = (/** @type {DragEvent} */ event, /** @type {number} */ step) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    depth = step === 0 ? 0 : depth + step;
    sign.hidden = depth <= 0;
  };
  addEventListener("dragenter", (event) => show(event, 1));
  addEventListener("dragleave", (event) => show(event, -1));
  addEventListener("dragover", (event) => event.dataTransfer?.types.includes("Files") && event.preventDefault());
  addEventListener("drop", (event) => {
    show(event, 0);
    const file = event.dataTransfer?.files[0];
    if (file) input.take(file);
  });
}

/** The last request as text, for those who want to change its every byte. */
function offerRaw() {
  const raw = byId("raw");
  raw.hidden = false;
  const box = new TextBox(raw, { model, ask: (request) => send(page.address, request) });
  raw.addEventListener("toggle", () => {
    const { sent } = snippets;
    const body = sent && snippets.body();
    if (raw.open && body !== null) box.fill(body, sent.type, sent.attributes);
  });
}

function start() {
  showLimits(byId("limits"), page.limits);
  byId("foot").textContent = `forecastle ${page.version}`;
  ping();
  if (!model) {
    byId("facts").textContent = "Not loaded yet.";
    if (page.several)
      byId("waiting").textContent = "No model is loaded. POST /models loads one; then show this page again.";
    return;
  }
  if (page.several) {
    const names = byId("names");
    byId("choice").hidden = false;
    names.append(...page.names.map((/** @type {string} */ name) => make("option", {}, name)));
    names.value = model.name;
    names.addEventListener("change", () => (location.search = `?model=${encodeURIComponent(names.value)}`));
  }
  document.title = `${model.title} · forecastle`;
  byId("title").textContent = model.title;
  byId("subtitle").textContent =
    `${model.name}, served by forecastle${model.origin ? `, trained by ${model.origin}` : ""}`;
  byId("waiting").hidden = true;
  byId("calls").hidden = false;
  showModel(byId("facts"), model);
  (model.script ? showPage : showTextBox)();
}

start();
