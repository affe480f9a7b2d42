/** The page of translation. */

export { create } from "../../translations.js";
