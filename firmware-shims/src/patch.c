#include "mote/patch.h"

#include <stdbool.h>
#include <string.h>

/*
 * The payload is one range-coded stream of operations; protocol/src/patch/layout.ts says what each is, and this file
 * has the same names and order. The decoder works in steps of at most one number and begins a step only when its input
 * is there, so that it can stop at any byte.
 */

/* A number costs at most 34 adaptive bits of 10.1 and 31 plain ones: 47 bytes, and 3 that the range may owe. */
#define LOOKAHEAD_BYTES 52u

/* Bytes of output that are handed on at once; one more number may stand behind them. */
#define FULL_OUTPUT (MOTE_PATCH_WRITE_BYTES - 4u)

#define COUNT_LIMIT 60u
#define TRAILING_ZEROS 4u

enum kind {
    KIND_BYTES,
    KIND_COPY_BASE,
    KIND_COPY_RESULT,
    KIND_INT8,
    KIND_INT8_RESIDUAL,
    KIND_FLOAT32_RESIDUAL,
    KIND_INT32_RESIDUAL,
    KIND_END,
};

/* States between the fields of an operation, in the order in which they are read. */
enum state { STATE_HEADER, STATE_START, STATE_KIND, STATE_OFFSET, STATE_ROW, STATE_LENGTH, STATE_MODE, STATE_BODY };

enum { MODE_DEPTH = 7, MODE_STEP_SHIFT = 3, MODE_STEP = 7, MODE_MAX_STEP = 4, MODE_MAX_DEPTH = 6, MODE_ROW_FLAGS = 64, MODE_RATIOS = 128 };

enum {
    RATIO_SHIFT = 10,
    RATIO_ONE = 1 << RATIO_SHIFT,
    MAX_GRID = 0xffff,

    FIELD_EXPONENTS = 16,
    NUMBER_EXPONENTS = 24,
    MAX_EXPONENT = 32,
    INT8_EXPONENTS = 8,
    NIBBLE_NODES = 15,
    HIGH_NIBBLE_CLASSES = 11,

    KIND_AT = 0,
    LENGTH_AT = KIND_AT + 8,
    OFFSET_AT = LENGTH_AT + FIELD_EXPONENTS,
    FLOAT32_AT = OFFSET_AT + FIELD_EXPONENTS,
    INT32_AT = FLOAT32_AT + 2 + NUMBER_EXPONENTS,
    AREA_AT = INT32_AT + 2 + NUMBER_EXPONENTS,
    HIGH_NIBBLE_AT = AREA_AT,
    LOW_NIBBLE_AT = HIGH_NIBBLE_AT + 4 * NIBBLE_NODES,
    ROW_AT = AREA_AT,
    ZERO_AT = ROW_AT + 2,
    SIGN_AT = ZERO_AT + 1,
    EXPONENT_AT = SIGN_AT + 3,
    MANTISSA_AT = EXPONENT_AT + INT8_EXPONENTS,
    RATIO_AT = MANTISSA_AT + 192,
    CONTEXTS = LOW_NIBBLE_AT + HIGH_NIBBLE_CLASSES * NIBBLE_NODES,
};

_Static_assert(CONTEXTS == MOTE_PATCH_CONTEXTS, "the header and the layout disagree");
_Static_assert((int)RATIO_AT + 2 + FIELD_EXPONENTS <= (int)CONTEXTS, "the area of int8 is larger than that of bytes");
_Static_assert(LOOKAHEAD_BYTES < MOTE_PATCH_INPUT_BYTES, "the input buffer must hold more than one step");

static void fail(struct mote_patch *p, enum mote_error error)
{
    if (p->error == MOTE_OK) {
        p->error = (int16_t)error;
    }
}

static uint32_t load32(const uint8_t *bytes)
{
    return bytes[0] | ((uint32_t)bytes[1] << 8) | ((uint32_t)bytes[2] << 16) | ((uint32_t)bytes[3] << 24);
}

/* ---- range decoder ---- */

static uint32_t available(const struct mote_patch *p)
{
    return (uint8_t)(p->input_end - p->input_at);
}

static void shift_in(struct mote_patch *p)
{
    uint32_t byte = 0;
    if (p->input_at != p->input_end) {
        byte = p->input[p->input_at++ % MOTE_PATCH_INPUT_BYTES];
    } else if (p->is_ended && p->virtual_zeros < TRAILING_ZEROS) {
        p->virtual_zeros++;
    } else {
        fail(p, MOTE_ERROR_TRUNCATED);
    }
    p->code = (p->code << 8) | byte;
    p->range <<= 8;
}

static unsigned read_bit(struct mote_patch *p, unsigned index)
{
    uint32_t probability = p->probability[index];
    uint32_t count = p->count[index];
    uint32_t rate = (655360u + 5u * count + 8u) / (10u * count + 16u);
    uint32_t bound = (p->range >> 16) * probability;
    unsigned bit = p->code >= bound;
    if (bit == 0) {
        p->range = bound;
        probability += ((65536u - probability) * rate) >> 16;
    } else {
        p->code -= bound;
        p->range -= bound;
        probability -= (probability * rate) >> 16;
    }
    p->probability[index] = (uint16_t)probability;
    if (count < COUNT_LIMIT) {
        p->count[index] = (uint8_t)(count + 1u);
    }
    while (p->range < 0x1000000u) {
        shift_in(p);
    }
    return bit;
}

static uint32_t read_direct(struct mote_patch *p, unsigned count)
{
    uint32_t value = 0;
    while (count-- > 0) {
        p->range >>= 1;
        uint32_t bit = p->code >= p->range;
        if (bit != 0) {
            p->code -= p->range;
        }
        value = (value << 1) | bit;
        if (p->range < 0x1000000u) {
            shift_in(p);
        }
    }
    return value;
}

static void start_code(struct mote_patch *p)
{
    for (unsigned i = 0; i < 4; i++) {
        shift_in(p);
    }
    p->range = 0xffffffffu;
}

/* A binary tree of `count` bits; the value with a leading one. */
static unsigned read_tree(struct mote_patch *p, unsigned at, unsigned count)
{
    unsigned node = 1;
    while (count-- > 0) {
        node = (node << 1) | read_bit(p, at + node);
    }
    return node;
}

/* ---- numbers ---- */

/* Elias gamma: the value plus one, so that 2^32 - 1 has no place to overflow. */
static uint32_t read_plus_one(struct mote_patch *p, unsigned at, unsigned exponents)
{
    unsigned exponent = 0;
    while (read_bit(p, at + (exponent < exponents ? exponent : exponents - 1u)) != 0) {
        if (++exponent == MAX_EXPONENT) {
            fail(p, MOTE_ERROR_FORMAT);
            return 1;
        }
    }
    return ((uint32_t)1 << exponent) + read_direct(p, exponent);
}

/* Modulo 2^32: the residual of a word. */
static uint32_t read_signed(struct mote_patch *p, unsigned at, unsigned exponents)
{
    if (read_bit(p, at) == 0) {
        return 0;
    }
    bool negative = read_bit(p, at + 1u) != 0;
    uint32_t magnitude = read_plus_one(p, at + 2u, exponents);
    return negative ? 0u - magnitude : magnitude;
}

static int read_int8(struct mote_patch *p, int old)
{
    if (read_bit(p, ZERO_AT) == 0) {
        return 0;
    }
    unsigned sign = old > 0 ? 2u : old == 0 ? 1u : 0u;
    bool negative = read_bit(p, SIGN_AT + sign) != 0;
    unsigned exponent = 0;
    while (exponent < INT8_EXPONENTS - 1u && read_bit(p, EXPONENT_AT + exponent) != 0) {
        exponent++;
    }
    unsigned depth = p->mode & MODE_DEPTH;
    unsigned magnitude = 1;
    for (unsigned left = exponent; left > 0; left--) {
        if (exponent - left == depth) {
            magnitude = (magnitude << left) | read_direct(p, left);
            break;
        }
        magnitude = (magnitude << 1) | read_bit(p, MANTISSA_AT + (1u << exponent) + magnitude);
    }
    return negative ? -(int)magnitude : (int)magnitude;
}

/* ---- base and result ---- */

static void flush(struct mote_patch *p)
{
    uint32_t length = p->output_length;
    p->output_length = 0;
    if (length == 0 || p->error != MOTE_OK) {
        return;
    }
    mote_sha256_add(&p->sha, p->output, length);
    if (p->port->write(p->port->context, p->produced - length, p->output, length) != 0) {
        fail(p, MOTE_ERROR_PORT);
    }
}

static void emit(struct mote_patch *p, uint8_t byte)
{
    p->output[p->output_length++] = byte;
    p->produced++;
}

static void emit32(struct mote_patch *p, uint32_t word)
{
    for (unsigned i = 0; i < 4; i++) {
        emit(p, (uint8_t)(word >> (8u * i)));
    }
}

static uint8_t base_byte(struct mote_patch *p, uint32_t at)
{
    if (at - p->window_at >= p->window_length) {
        uint32_t left = p->base_length - at;
        p->window_at = at;
        p->window_length = (uint8_t)(left < sizeof p->window ? left : sizeof p->window);
        if (p->port->read_base(p->port->context, at, p->window, p->window_length) != 0) {
            fail(p, MOTE_ERROR_PORT);
        }
    }
    return p->window[at - p->window_at];
}

static uint32_t base32(struct mote_patch *p)
{
    uint8_t bytes[4];
    for (unsigned i = 0; i < 4; i++) {
        bytes[i] = base_byte(p, p->base_at++);
    }
    return load32(bytes);
}

/* ---- bodies, one step each ---- */

static void copy_base(struct mote_patch *p, uint32_t end)
{
    while (p->produced < end && p->output_length < FULL_OUTPUT) {
        emit(p, base_byte(p, p->base_at++));
    }
}

/* Straight into the output buffer: what is not written yet can't be read back, so it is written first. */
static void copy_result(struct mote_patch *p)
{
    uint32_t count = p->end - p->produced;
    count = count < FULL_OUTPUT ? count : FULL_OUTPUT;
    count = count < p->distance ? count : p->distance;
    flush(p);
    if (p->port->read_result(p->port->context, p->produced - p->distance, p->output, count) != 0) {
        fail(p, MOTE_ERROR_PORT);
    }
    p->output_length = (uint8_t)count;
    p->produced += count;
    p->base_at += count;
}

static void step_bytes(struct mote_patch *p)
{
    unsigned phase = (p->produced - p->begin) & 3u;
    unsigned high = read_tree(p, HIGH_NIBBLE_AT - 1u + NIBBLE_NODES * phase, 4) & 15u;
    /* Text has a tree for each of its high nibbles; those that it never has share one in pairs. */
    unsigned group = high >= 8u ? 3u + (high >> 1) : high > 0 ? high - 1u : 0;
    unsigned low = read_tree(p, LOW_NIBBLE_AT - 1u + NIBBLE_NODES * group, 4) & 15u;
    p->base_at++;
    emit(p, (uint8_t)((high << 4) | low));
}

static void begin_row(struct mote_patch *p)
{
    p->row_end = p->produced + p->row_length;
    if ((p->mode & MODE_ROW_FLAGS) != 0) {
        p->row_unchanged = read_bit(p, ROW_AT + p->row_unchanged) != 0;
    }
    if (p->row_unchanged == 0 && (p->mode & MODE_RATIOS) != 0) {
        p->ratio = (int32_t)read_signed(p, RATIO_AT, FIELD_EXPONENTS);
        if (p->ratio <= -RATIO_ONE || p->ratio >= RATIO_ONE) {
            fail(p, MOTE_ERROR_FORMAT);
        }
    }
}

static void step_row(struct mote_patch *p)
{
    if (p->produced == p->row_end) {
        begin_row(p);
        return;
    }
    if (p->row_unchanged) {
        copy_base(p, p->row_end);
        return;
    }
    int old = (int8_t)base_byte(p, p->base_at++);
    int predicted = old;
    if (p->ratio != 0) {
        /* Rounds half up; an arithmetic shift, as every compiler for the parts in question has it. */
        predicted = (old * (RATIO_ONE + (int)p->ratio) + RATIO_ONE / 2) >> RATIO_SHIFT;
        predicted = predicted > 127 ? 127 : predicted < -128 ? -128 : predicted;
    }
    int step = 1 << ((p->mode >> MODE_STEP_SHIFT) & MODE_STEP);
    emit(p, (uint8_t)(predicted + step * read_int8(p, old)));
}

static void step_float32(struct mote_patch *p)
{
    uint32_t word = base32(p);
    uint32_t residual = read_signed(p, FLOAT32_AT, NUMBER_EXPONENTS);
    if ((p->mode & 1) == 0) {
        emit32(p, word + residual);
        return;
    }
    int32_t grid = (int32_t)residual;
    if (grid < -MAX_GRID || grid > MAX_GRID) {
        fail(p, MOTE_ERROR_FORMAT);
        return;
    }
    /* Two operations of IEEE single precision, each rounded to nearest even: the same bits everywhere. */
    float scale;
    float factor = 1.0f + (float)grid / 256.0f;
    memcpy(&scale, &word, sizeof scale);
    scale *= factor;
    memcpy(&word, &scale, sizeof word);
    emit32(p, word);
}

static void step_int32(struct mote_patch *p)
{
    uint32_t word = base32(p);
    emit32(p, word + (read_signed(p, INT32_AT, NUMBER_EXPONENTS) << (p->mode & 31)));
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
    case KIND_INT8:
        p->base_at++;
        emit(p, (uint8_t)read_int8(p, 0));
        break;
    case KIND_INT8_RESIDUAL:
        step_row(p);
        break;
    case KIND_FLOAT32_RESIDUAL:
        step_float32(p);
        break;
    default:
        step_int32(p);
        break;
    }
}

/* ---- operations ---- */

static bool has_base(const struct mote_patch *p)
{
    return p->kind == KIND_COPY_BASE || p->kind >= KIND_INT8_RESIDUAL;
}

static void read_offset(struct mote_patch *p)
{
    uint32_t plus_one = read_plus_one(p, OFFSET_AT, FIELD_EXPONENTS);
    if (p->kind == KIND_COPY_RESULT) {
        p->distance = plus_one;
        if (plus_one > p->produced) {
            fail(p, MOTE_ERROR_FORMAT);
        }
        return;
    }
    /* Zig-zag: 0, -1, 1, -2 … plus one. The sum may wrap; check_length() then finds it beyond the base. */
    p->base_at += (plus_one & 1u) != 0 ? plus_one >> 1 : 0u - (plus_one >> 1);
    if (p->base_at > p->base_length) {
        fail(p, MOTE_ERROR_FORMAT);
    }
}

static void read_length(struct mote_patch *p)
{
    uint32_t left = p->result_length - p->produced;
    uint32_t unit = p->kind == KIND_INT8_RESIDUAL ? p->row_length : p->kind >= KIND_FLOAT32_RESIDUAL ? 4u : 1u;
    uint32_t units = read_plus_one(p, LENGTH_AT, FIELD_EXPONENTS);
    if (unit > left || units > left / unit) {
        fail(p, MOTE_ERROR_FORMAT);
        return;
    }
    uint32_t length = units * unit;
    if (has_base(p) && length > p->base_length - p->base_at) {
        fail(p, MOTE_ERROR_FORMAT);
        return;
    }
    p->begin = p->produced;
    p->end = p->produced + length;
    p->row_end = p->produced;
    p->row_unchanged = 0;
    p->ratio = 0;
    bool is_int8 = p->kind == KIND_INT8 || p->kind == KIND_INT8_RESIDUAL;
    if (is_int8 || (p->kind == KIND_BYTES && p->was_tensor)) {
        memset(p->count + AREA_AT, 0, CONTEXTS - AREA_AT);
        for (unsigned i = AREA_AT; i < CONTEXTS; i++) {
            p->probability[i] = 32768u;
        }
        p->was_tensor = is_int8;
    }
}

/* One field or one element. */
static void step(struct mote_patch *p)
{
    switch (p->state) {
    case STATE_START:
        start_code(p);
        p->state = STATE_KIND;
        return;
    case STATE_KIND:
        p->kind = (uint8_t)(read_tree(p, KIND_AT, 3) & 7u);
        if (p->kind >= KIND_END) {
            fail(p, MOTE_ERROR_FORMAT);
        }
        p->state = has_base(p) || p->kind == KIND_COPY_RESULT ? STATE_OFFSET : STATE_LENGTH;
        return;
    case STATE_OFFSET:
        read_offset(p);
        p->state = p->kind == KIND_INT8_RESIDUAL ? STATE_ROW : STATE_LENGTH;
        return;
    case STATE_ROW:
        p->row_length = read_plus_one(p, LENGTH_AT, FIELD_EXPONENTS);
        p->state = STATE_LENGTH;
        return;
    case STATE_LENGTH:
        read_length(p);
        p->mode = 0;
        p->state = p->kind >= KIND_INT8 ? STATE_MODE : STATE_BODY;
        return;
    case STATE_MODE:
        p->mode = (uint8_t)read_direct(p, 8);
        if (p->kind <= KIND_INT8_RESIDUAL
            && ((p->mode & MODE_DEPTH) > MODE_MAX_DEPTH
                || (p->kind == KIND_INT8_RESIDUAL && ((p->mode >> MODE_STEP_SHIFT) & MODE_STEP) > MODE_MAX_STEP))) {
            fail(p, MOTE_ERROR_FORMAT);
        }
        p->state = STATE_BODY;
        return;
    default:
        step_body(p);
        if (p->produced == p->end) {
            p->state = STATE_KIND;
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

/* ---- the container ---- */

/* Bytes of `probability`, which holds the header before it holds probabilities: `at` in bytes. */
static uint8_t *scratch(struct mote_patch *p, uint32_t at)
{
    return (uint8_t *)p->probability + at;
}

static void hash_base(struct mote_patch *p, const uint8_t *expected)
{
    uint8_t *digest = scratch(p, MOTE_PATCH_HEADER_BYTES);
    mote_sha256_begin(&p->sha);
    for (uint32_t at = 0; at < p->base_length && p->error == MOTE_OK; at += p->window_length) {
        (void)base_byte(p, at);
        mote_sha256_add(&p->sha, p->window, p->window_length);
    }
    mote_sha256_end(&p->sha, digest);
    if (memcmp(digest, expected, MOTE_SHA256_BYTES) != 0) {
        fail(p, MOTE_ERROR_BASE);
    }
}

static bool is_zero(const uint8_t *bytes, uint32_t length)
{
    uint8_t seen = 0;
    for (uint32_t i = 0; i < length; i++) {
        seen |= bytes[i];
    }
    return seen == 0;
}

static void read_header(struct mote_patch *p)
{
    const uint8_t *header = scratch(p, 0);
    /* "full" has no base even where the device holds one: nothing lies within a base of no bytes. */
    p->base_length = load32(header + 8);
    p->result_length = load32(header + 12);
    if (memcmp(header, "MPAT\2", 5) != 0 || header[5] > 1 || header[6] != 0 || header[7] != 0) {
        fail(p, MOTE_ERROR_FORMAT);
    } else if (p->result_length > p->port->max_result_length) {
        fail(p, MOTE_ERROR_TOO_LARGE);
    } else if (header[5] == 0) {
        if (p->base_length != 0 || !is_zero(header + 16, MOTE_SHA256_BYTES)) {
            fail(p, MOTE_ERROR_FORMAT);
        }
    } else if (p->base_length != p->port->base_length) {
        fail(p, MOTE_ERROR_BASE);
    } else {
        hash_base(p, header + 16);
    }
    memcpy(p->result_sha256, header + 48, MOTE_SHA256_BYTES);
    mote_sha256_begin(&p->sha);
    for (unsigned i = 0; i < CONTEXTS; i++) {
        p->probability[i] = 32768u;
    }
    p->input_end = 0;
    p->state = STATE_START;
}

void mote_patch_begin(struct mote_patch *p, const struct mote_patch_port *port)
{
    memset(p, 0, sizeof *p);
    p->port = port;
    p->range = 0xffffffffu;
    p->was_tensor = 1;
}

int mote_patch_push(struct mote_patch *p, const uint8_t *bytes, uint32_t length)
{
    const uint8_t *end = bytes + length;
    while (bytes != end && p->error == MOTE_OK) {
        if (p->state == STATE_HEADER) {
            *scratch(p, p->input_end++) = *bytes++;
            if (p->input_end == MOTE_PATCH_HEADER_BYTES) {
                read_header(p);
            }
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
    uint8_t *digest = scratch(p, 0);
    if (p->is_ended) {
        fail(p, MOTE_ERROR_STATE);
        return p->error;
    }
    p->is_ended = 1;
    if (p->state == STATE_HEADER) {
        fail(p, MOTE_ERROR_TRUNCATED);
        return p->error;
    }
    if (p->state == STATE_START && p->error == MOTE_OK) {
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
    mote_sha256_end(&p->sha, digest);
    if (memcmp(digest, p->result_sha256, MOTE_SHA256_BYTES) != 0) {
        fail(p, MOTE_ERROR_RESULT);
    }
    return p->error;
}
