import type { CFunction } from "../step.js";

/** Unaligned access and byte pairs: what every kernel on planes stands on. */
export const LOAD_WORD: CFunction = {
  name: "load_word",
  source: `/* Four bytes from any address: one LDR. */
static inline uint32_t load_word(const uint8_t *from) {
    uint32_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

/* Bytes 1 and 3 of a word, each in a halfword: one UXTB16 with rotation. */
static inline uint32_t odd_bytes(uint32_t x) {
    return (uint32_t)__uxtb16((uint32_t)(x >> 8 | x << 24));
}
`,
};
