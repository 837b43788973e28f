import { randomBytes } from "node:crypto";
import type { Random } from "../core/ports.js";

export const secureRandom: Random = () => randomBytes(4).readUInt32LE() / 2 ** 32;
