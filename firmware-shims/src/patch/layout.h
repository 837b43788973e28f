/* Which adaptive bit means what: names, order and numbers of protocol/src/patch/layout.ts and row-form.ts. */
#ifndef MOTE_PATCH_LAYOUT_H
#define MOTE_PATCH_LAYOUT_H

#include "mote/patch.h"

/* More than a number can take, and the 3 bytes that the range may owe: layout.test.ts of the protocol counts it. */
#define LOOKAHEAD_BYTES 63u

/* Bytes of output that are handed on at once; one more number may stand behind them. */
#define FULL_OUTPUT (MOTE_PATCH_WRITE_BYTES - 4u)

#define COUNT_LIMIT 127u
#define KEPT_COUNT 6u
#define TRAILING_ZEROS 4u

enum kind {
    KIND_BYTES,
    KIND_COPY_BASE,
    KIND_COPY_RESULT,
    KIND_CODES,
    KIND_WORDS,
    KIND_PRODUCT,
};

enum {
    MODE_DEPTH = 7,
    MODE_MAX_DEPTH = 6,
    MODE_KEEP = 8,
    MODE_BASE = 16,
    MODE_FLAGS = 32,
    MODE_RATIOS = 64,
    MODE_FORM = 128,
    MODE_BITS = 8,

    WORDS_SHIFT = 31,
    WORDS_FLOAT = 32,
    WORDS_GRID = 64,
    WORDS_MODE_BITS = 7,

    FORM_PAIRS = 1,
    FORM_CODES = 3,
    FORM_CHANNELS_SHIFT = 2,
    FORM_LIFTED = 16,
    FORM_WORDS = 32,
    FORM_HEAD = 64,
    FORM_EXTRAS_SHIFT = 7,
    FORM_FOLLOW = 512,
    FORM_BIAS_SHIFT = 10,
    FORM_VALUES = 0x8000,
    FORM_BITS = 16,
};

enum {
    MAX_GRID = 0xffff,
    SCALE_GRID = 256,
    MAX_RATIO = 0x7fff,

    FIELD_EXPONENTS = 12,
    NUMBER_EXPONENTS = 16,
    MAX_EXPONENT = 32,
    INT8_EXPONENTS = 8,
    NIBBLE_NODES = 15,
    HIGH_NIBBLE_CLASSES = 10,

    KIND_AT = 0,
    KIND_NODES = 8,
    LENGTH_AT = KIND_AT + 2 * KIND_NODES,
    OFFSET_AT = LENGTH_AT + FIELD_EXPONENTS + 1,
    MODE_AT = OFFSET_AT + FIELD_EXPONENTS + 1,
    WORDS_MODE_AT = MODE_AT + MODE_BITS,
    FORM_AT = WORDS_MODE_AT + WORDS_MODE_BITS,
    FLOAT32_AT = FORM_AT + FORM_BITS,
    INT32_AT = FLOAT32_AT + 2 + NUMBER_EXPONENTS + 1,
    EXTRA_ZERO_AT = INT32_AT + 2 + NUMBER_EXPONENTS + 1,
    AREA_AT = EXTRA_ZERO_AT + 1,
    HIGH_NIBBLE_AT = AREA_AT,
    LOW_NIBBLE_AT = HIGH_NIBBLE_AT + 4 * NIBBLE_NODES,
    FLAG_AT = AREA_AT,
    ZERO_AT = FLAG_AT + 4,
    SIGN_AT = ZERO_AT + 2,
    EXPONENT_AT = SIGN_AT + 3,
    MANTISSA_AT = EXPONENT_AT + INT8_EXPONENTS - 3,
    RATIO_AT = MANTISSA_AT + 192,
    CONTEXTS = RATIO_AT + 2 + FIELD_EXPONENTS + 1,
    /* Of one half whenever it is read: a tree has no node 0. */
    PLAIN_AT = KIND_AT,
};

_Static_assert(CONTEXTS == MOTE_PATCH_CONTEXTS, "the header and the layout disagree");
_Static_assert((int)LOW_NIBBLE_AT + HIGH_NIBBLE_CLASSES * NIBBLE_NODES <= (int)CONTEXTS, "bytes need the larger area");
_Static_assert(LOOKAHEAD_BYTES < MOTE_PATCH_INPUT_BYTES, "the input buffer must hold more than one step");

#endif
