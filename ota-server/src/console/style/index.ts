import { BASE } from "./base.js";
import { LAYOUT } from "./layout.js";
import { PARTS } from "./parts.js";

export const STYLE = `${BASE}${LAYOUT}${PARTS}`;
