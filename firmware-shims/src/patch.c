#include "mote/patch.h"

#include <string.h>

#include "patch/rows.h"

/*
 * The payload is one range-coded stream of operations; protocol/src/patch/layout.ts says what each is, and this file
 * has the same names and order. The decoder works in steps of at most one number and begins a step only when its input
 * is there, so that it can stop at any byte.
 */

/* Fields of an operation, read from the lowest bit on; when none is left the body comes. */
enum field {
    FIELD_START = 1, /* of the payload */
    FIELD_KIND = 2,
    FIELD_MODE = 4,
    FIELD_FORM = 8,
    FIELD_OFFSET = 16,
    FIELD_ROW = 32,
    FIELD_LENGTH = 64,
    FIELD_FACTOR = 128,
};

static const uint8_t FIELDS[] = {
    [KIND_BYTES] = FIELD_LENGTH,
    [KIND_COPY_BASE] = FIELD_OFFSET | FIELD_LENGTH,
    [KIND_COPY_RESULT] = FIELD_OFFSET | FIELD_LENGTH,
    [KIND_CODES] = FIELD_MODE | FIELD_FORM | FIELD_OFFSET | FIELD_ROW | FIELD_LENGTH,
    [KIND_WORDS] = FIELD_MODE | FIELD_OFFSET | FIELD_LENGTH,
    [KIND_PRODUCT] = FIELD_OFFSET | FIELD_LENGTH | FIELD_FACTOR,
};

/* ---- bodies, one step each ---- */

static void copy_result(struct mote_patch *p)
{
    uint32_t count = p->end - p->produced;
    count = count < FULL_OUTPUT ? count : FULL_OUTPUT;
    count = count < p->distance ? count : p->distance;
    read_back(p, p->output, count);
    p->output_length = (uint8_t)count;
    p->produced += count;
    p->base_at += count;
}

static void step_bytes(struct mote_patch *p)
{
    unsigned phase = (p->produced - p->begin) & 3u;
    unsigned high = read_tree(p, HIGH_NIBBLE_AT - 1u + NIBBLE_NODES * phase, 4) & 15u;
    /* Text has a tree for each of its high nibbles; those that it never has share some. */
    unsigned group = high >= 8u ? (high < 10u ? 5u : high >> 1) + 2u : high > 0 ? high - 1u : 0;
    unsigned low = read_tree(p, LOW_NIBBLE_AT - 1u + NIBBLE_NODES * group, 4) & 15u;
    p->base_at++;
    emit(p, (uint8_t)((high << 4) | low));
}

/* Operations of IEEE single precision, each rounded to nearest even: the same bits everywhere. */
static uint32_t product_of(uint32_t word, float factor)
{
    float scale;
    memcpy(&scale, &word, sizeof scale);
    scale *= factor;
    memcpy(&word, &scale, sizeof word);
    return word;
}

static void step_word(struct mote_patch *p)
{
    uint32_t word = base32(p);
    uint32_t residual = read_number(p, (p->mode & WORDS_FLOAT) != 0 ? FLOAT32_AT : INT32_AT);
    if ((p->mode & WORDS_GRID) == 0) {
        word += residual << (p->mode & WORDS_SHIFT);
    } else {
        int32_t grid = (int32_t)residual;
        if (grid < -MAX_GRID || grid > MAX_GRID) {
            fail(p, MOTE_ERROR_FORMAT);
        }
        word = product_of(word, 1.0f + (float)grid / 256.0f);
    }
    emit32(p, word);
}

static void step_product(struct mote_patch *p)
{
    uint8_t bytes[4];
    read_back(p, bytes, sizeof bytes);
    p->base_at += 4;
    emit32(p, product_of(load32(bytes), p->factor) + read_number(p, FLOAT32_AT));
}

static void step_body(struct mote_patch *p)
{
    switch (p->kind) {
    case KIND_BYTES:
        step_bytes(p);
        break;
    case KIND_COPY_BASE:
        copy_base(p, p->end);
        break;
    case KIND_COPY_RESULT:
        copy_result(p);
        break;
    case KIND_CODES:
        step_row(p);
        break;
    case KIND_WORDS:
        step_word(p);
        break;
    default:
        step_product(p);
        break;
    }
}

/* ---- operations ---- */

static bool has_distance(const struct mote_patch *p)
{
    return p->kind == KIND_COPY_RESULT || p->kind == KIND_PRODUCT;
}

static void read_kind(struct mote_patch *p)
{
    /* Behind a copy comes no copy. */
    unsigned kind = read_tree(p, KIND_AT + (p->kind == KIND_COPY_BASE ? KIND_NODES : 0), 3) & 7u;
    if (kind > KIND_PRODUCT) {
        fail(p, MOTE_ERROR_FORMAT);
        return;
    }
    p->kind = (uint8_t)kind;
    p->mode = 0;
    p->form = 0;
    p->fields = FIELDS[kind];
    p->has_base = kind == KIND_COPY_BASE || kind == KIND_WORDS;
}

static void read_mode(struct mote_patch *p)
{
    if (p->kind == KIND_WORDS) {
        p->mode = (uint8_t)read_bits(p, WORDS_MODE_AT, WORDS_MODE_BITS);
        return;
    }
    p->mode = (uint8_t)read_bits(p, MODE_AT, MODE_BITS);
    p->has_base = p->mode & MODE_BASE;
    if ((p->mode & MODE_FORM) == 0) {
        p->fields ^= FIELD_FORM;
    }
    if (p->has_base == 0) {
        p->fields ^= FIELD_OFFSET;
    }
}

static void read_offset(struct mote_patch *p)
{
    uint32_t plus_one = read_plus_one(p, OFFSET_AT, FIELD_EXPONENTS);
    if (has_distance(p)) {
        p->distance = plus_one;
        if (plus_one > p->produced || (p->kind == KIND_PRODUCT && plus_one < 4u)) {
            fail(p, MOTE_ERROR_FORMAT);
        }
        return;
    }
    /* Zig-zag: 0, -1, 1, -2 … plus one. Without a base the sum may be anything, also in between. */
    p->base_at += (plus_one & 1u) != 0 ? plus_one >> 1 : 0u - (plus_one >> 1);
    if (p->base_at > p->base_length) {
        fail(p, MOTE_ERROR_FORMAT);
    }
}

/* What bytes have taught stays with bytes, and what codes have with codes that ask for it. */
static void enter_area(struct mote_patch *p)
{
    if (p->kind != p->area || p->kind == KIND_CODES) {
        loosen(p, AREA_AT, p->kind != p->area || (p->mode & MODE_KEEP) == 0);
    }
    p->area = p->kind;
}

static void read_length(struct mote_patch *p)
{
    uint32_t left = p->result_length - p->produced;
    uint32_t unit = p->kind == KIND_CODES ? p->row_length : p->kind >= KIND_WORDS ? 4u : 1u;
    uint32_t units = read_plus_one(p, LENGTH_AT, FIELD_EXPONENTS);
    if (p->kind == KIND_COPY_BASE && units == 1u) {
        units = left;
    }
    uint32_t length = units * unit;
    if (unit > left || units > left / unit || (p->has_base != 0 && length > p->base_length - p->base_at)) {
        fail(p, MOTE_ERROR_FORMAT);
        return;
    }
    p->begin = (uint8_t)p->produced;
    p->end = p->produced + length;
    if (p->kind == KIND_CODES) {
        open_rows(p);
    }
    if (p->kind == KIND_BYTES || p->kind == KIND_CODES) {
        enter_area(p);
    }
}

/* One field or one element. */
static void step(struct mote_patch *p)
{
    unsigned field = p->fields & (0u - p->fields);
    p->fields = (uint8_t)(p->fields ^ field);
    switch (field) {
    case FIELD_START:
        start_code(p);
        return;
    case FIELD_KIND:
        read_kind(p);
        return;
    case FIELD_MODE:
        read_mode(p);
        return;
    case FIELD_FORM:
        p->form = (uint16_t)read_bits(p, FORM_AT, FORM_BITS);
        return;
    case FIELD_OFFSET:
        read_offset(p);
        return;
    case FIELD_ROW:
        p->row_length = read_plus_one(p, LENGTH_AT, FIELD_EXPONENTS);
        return;
    case FIELD_LENGTH:
        read_length(p);
        return;
    case FIELD_FACTOR: {
        uint32_t bits = read_direct(p, 0, 32);
        memcpy(&p->factor, &bits, sizeof bits);
        return;
    }
    default:
        step_body(p);
        if (p->produced == p->end) {
            p->fields = FIELD_KIND;
        }
        return;
    }
}

static int run(struct mote_patch *p, uint32_t lookahead)
{
    while (p->error == MOTE_OK && p->produced < p->result_length && available(p) >= lookahead) {
        step(p);
        if (p->output_length >= FULL_OUTPUT) {
            flush(p);
        }
    }
    return p->error;
}

/* ---- the container: protocol/src/patch/container.ts ---- */

enum {
    PATCH_VERSION = 4,
    BASE_DIGEST_AT = 3,
    RESULT_DIGEST_AT = BASE_DIGEST_AT + MOTE_PATCH_DIGEST_BYTES,
    LENGTH_FIELD_AT = RESULT_DIGEST_AT + MOTE_PATCH_DIGEST_BYTES,
};

/* Bytes of `probability`, which holds the header before it holds probabilities: `at` in bytes. */
static uint8_t *scratch(struct mote_patch *p, uint32_t at)
{
    return (uint8_t *)p->probability + at;
}

static void hash_base(struct mote_patch *p, const uint8_t *expected)
{
    uint8_t *digest = scratch(p, MOTE_PATCH_HEADER_MAX_BYTES);
    mote_sha256_begin(&p->sha);
    for (uint32_t at = 0; at < p->base_length && p->error == MOTE_OK; at += p->window_length) {
        (void)base_byte(p, at);
        mote_sha256_add(&p->sha, p->window, p->window_length);
    }
    mote_sha256_end(&p->sha, digest);
    if (!is_equal(digest, expected, MOTE_PATCH_DIGEST_BYTES)) {
        fail(p, MOTE_ERROR_BASE);
    }
}

/* The next byte of the header: fields of a fixed length, then the length of the result, seven bits in each byte. */
static void read_header(struct mote_patch *p, uint8_t byte)
{
    const uint8_t *header = scratch(p, 0);
    unsigned at = p->input_end++;
    *scratch(p, at) = byte;
    if (at < LENGTH_FIELD_AT) {
        return;
    }
    unsigned shift = 7u * (at - LENGTH_FIELD_AT);
    p->result_length |= (uint32_t)(byte & 127u) << shift;
    if (byte > 127u && at + 1u < MOTE_PATCH_HEADER_MAX_BYTES) {
        return;
    }
    unsigned codec = header[2] ^ PATCH_VERSION << 4;
    if (load32(header) << 16 != (uint32_t)('M' | 'P' << 8) << 16 || codec > 1u || byte > 127u || (byte == 0 && shift != 0)) {
        fail(p, MOTE_ERROR_FORMAT);
    } else if (p->result_length > p->port->max_result_length) {
        fail(p, MOTE_ERROR_TOO_LARGE);
    } else if (codec != 0) {
        p->base_length = p->port->base_length;
        hash_base(p, header + BASE_DIGEST_AT);
    } else if (load32(header + BASE_DIGEST_AT) != 0) {
        /* "full" has no base even where the device holds one: nothing lies within a base of no bytes. */
        fail(p, MOTE_ERROR_FORMAT);
    }
    /* The first bytes of a digest, until the whole one is known. */
    memcpy(p->result_sha256, header + RESULT_DIGEST_AT, MOTE_PATCH_DIGEST_BYTES);
    mote_sha256_begin(&p->sha);
    loosen(p, 0, true);
    p->input_end = 0;
    p->fields = FIELD_START | FIELD_KIND;
    p->is_open = 1;
}

void mote_patch_begin(struct mote_patch *p, const struct mote_patch_port *port)
{
    clear((uint8_t *)p, sizeof *p);
    p->port = port;
    p->area = 0xff;
    p->range = 0xffffffffu;
}

int mote_patch_push(struct mote_patch *p, const uint8_t *bytes, uint32_t length)
{
    const uint8_t *end = bytes + length;
    while (bytes != end && p->error == MOTE_OK) {
        if (!p->is_open) {
            read_header(p, *bytes++);
            continue;
        }
        const uint8_t *before = bytes;
        while (bytes != end && available(p) < MOTE_PATCH_INPUT_BYTES) {
            p->input[p->input_end++ % MOTE_PATCH_INPUT_BYTES] = *bytes++;
        }
        if (run(p, LOOKAHEAD_BYTES) == MOTE_OK && bytes == before) {
            /* The result is complete and still there is more. */
            fail(p, MOTE_ERROR_FORMAT);
        }
    }
    return p->error;
}

int mote_patch_finish(struct mote_patch *p)
{
    uint8_t *expected = scratch(p, 0);
    if (p->is_ended) {
        fail(p, MOTE_ERROR_STATE);
        return p->error;
    }
    p->is_ended = 1;
    if (!p->is_open) {
        fail(p, MOTE_ERROR_TRUNCATED);
        return p->error;
    }
    if ((p->fields & FIELD_START) != 0) {
        step(p);
    }
    (void)run(p, 0);
    flush(p);
    if (p->error != MOTE_OK) {
        return p->error;
    }
    /* The encoder ends on the one multiple of 2^24 in its last range and leaves its three zero bytes away. */
    if (available(p) != 0 || p->virtual_zeros < TRAILING_ZEROS - 1u || p->code >= 0x1000000u) {
        fail(p, MOTE_ERROR_FORMAT);
        return p->error;
    }
    memcpy(expected, p->result_sha256, MOTE_PATCH_DIGEST_BYTES);
    mote_sha256_end(&p->sha, p->result_sha256);
    if (!is_equal(expected, p->result_sha256, MOTE_PATCH_DIGEST_BYTES)) {
        fail(p, MOTE_ERROR_RESULT);
    }
    return p->error;
}
