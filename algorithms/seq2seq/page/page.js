/** Sequence to Sequence's page. */

export { create } from "../../translations.js";
