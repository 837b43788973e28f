import type { PatchMaker } from "./delivery.js";

/** No codec is built in yet: devices take the whole artifact. */
export const makePatch: PatchMaker = async () => null;
