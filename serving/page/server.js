/** Requests to the model. */

/** A request was refused, in one sentence, with its place in the data. */
export class Refused extends Error {
  /** @param {string} sentence @param {import("./place.js").Place} [place] @param {number} [status] 0: the page itself */
  constructor(sentence, place = [], status = 0) {
    super(sentence);
    this.place = place;
    this.status = status;
  }
}

/**
 * @typedef {{body: string | Uint8Array, type: string, accept: string, attributes?: string}} Request
 * @typedef {{status: number, bytes: Uint8Array, type: string, ms: number, id: string}} Answer
 */

/**
 * Send a request. Rejects with `Refused`, or with an `AbortError`.
 * @param {string} address @param {Request} request @param {AbortSignal} [signal]
 * @returns {Promise<Answer>}
 */
export async function send(address, { body, type, accept, attributes }, signal) {
  /** @type {Record<string, string>} */
  const headers = { "Content-Type": type, Accept: accept };
  if (attributes) headers["X-Amzn-SageMaker-Custom-Attributes"] = attributes;
  const began = performance.now();
  const response = await fetch(address, { method: "POST", headers, body: /** @type {BodyInit} */ (body), signal });
  const bytes = new Uint8Array(await response.arrayBuffer());
  const ms = performance.now() - began;
  const id = response.headers.get("X-Request-Id") ?? "";
  if (!response.ok) {
    const sentence = new TextDecoder().decode(bytes);
    const place = response.headers.get("X-Forecastle-Place");
    throw new Refused(sentence, place ? JSON.parse(place) : [], response.status);
  }
  const media = (response.headers.get("Content-Type") ?? "").split(";")[0].trim();
  return { status: response.status, bytes, type: media, ms, id };
}

const PATIENCE_MS = 120; // an answer that is this late and no longer wanted is given up

/**
 * Work of which the newest call counts: while one runs, the newest waits and the others are dropped, so that answers
 * that come in time are shown while a slider still moves; one that is late is aborted. A call rejects as its own work does.
 * @template {any[]} A
 * @param {(signal: AbortSignal, ...args: A) => Promise<void>} work
 * @returns {(...args: A) => Promise<void>}
 */
export function newest(work) {
  /** @type {AbortController | null} */
  let running = null;
  let began = 0;
  /** @type {{args: A, resolve: (done?: any) => void, reject: (error: any) => void} | null} */
  let waiting = null;

  /** @param {A} args */
  async function run(args) {
    running = new AbortController();
    began = performance.now();
    const { signal } = running;
    try {
      await work(signal, ...args);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      running = null;
      if (waiting) {
        const next = waiting;
        waiting = null;
        run(next.args).then(next.resolve, next.reject);
      }
    }
  }

  return (...args) => {
    if (!running) return run(args);
    const late = running;
    waiting?.resolve();
    return new Promise((resolve, reject) => {
      const call = { args, resolve, reject };
      waiting = call;
      setTimeout(() => waiting === call && late.abort(), Math.max(0, PATIENCE_MS - (performance.now() - began)));
    });
  };
}
