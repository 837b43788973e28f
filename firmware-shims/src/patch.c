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
    KIND_FLOAT32_PRODUCT,
};

/* States between the fields of an operation, in the order in which they are read. */
enum state {
    STATE_HEADER,
    STATE_START,
    STATE_KIND,
    STATE_OFFSET,
    STATE_ROW,
    STATE_LENGTH,
    STATE_MODE,
    STATE_RECORD,
    STATE_BODY,
};

enum {
    MODE_DEPTH = 7,
    MODE_STEP_SHIFT = 3,
    MODE_STEP = 7,
    MODE_MAX_STEP = 4,
    MODE_PAIRED = 6,
    MODE_MAX_DEPTH = 6,
    MODE_ROW_FLAGS = 64,
    MODE_RATIOS = 128,
};

/* A word of a record: two bits of channel, two of class. */
enum { COLUMN_CHANNEL = 3, COLUMN_BIAS = 1, COLUMN_MULTIPLIER = 2 };

enum {
    RATIO_SHIFT = 10,
    RATIO_ONE = 1 << RATIO_SHIFT,
    MAX_GRID = 0xffff,
    SCALE_GRID = 256,
    MAX_RECORD_RATIO = 0x7fff,

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

/* Functions called from several places, which a compiler would put into each of them. */
#define APART __attribute__((noinline))

APART static void fail(struct mote_patch *p, enum mote_error error)
{
    if (p->error == MOTE_OK) {
        p->error = (int16_t)error;
    }
}

static uint32_t load32(const uint8_t *bytes)
{
    return bytes[0] | ((uint32_t)bytes[1] << 8) | ((uint32_t)bytes[2] << 16) | ((uint32_t)bytes[3] << 24);
}

/* A C library's memset and memcmp, made for speed, would be a tenth of the whole decoder. */
static void clear(uint8_t *bytes, uint32_t length)
{
    /* volatile, or the compiler makes a memset of it all the same. */
    volatile uint8_t *byte = bytes;
    while (length-- > 0) {
        *byte++ = 0;
    }
}

static bool is_equal(const uint8_t *a, const uint8_t *b, uint32_t length)
{
    uint8_t difference = 0;
    while (length-- > 0) {
        difference |= *a++ ^ *b++;
    }
    return difference == 0;
}

/* ---- range decoder ---- */

/* All adaptive bits from `at` on. */
APART static void reset(struct mote_patch *p, unsigned at)
{
    clear(p->count + at, CONTEXTS - at);
    for (; at < CONTEXTS; at++) {
        p->probability[at] = 32768u;
    }
}

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

static int read_int8(struct mote_patch *p, int old, unsigned zero_at)
{
    if (read_bit(p, zero_at) == 0) {
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

static unsigned step_of(const struct mote_patch *p)
{
    return (p->mode >> MODE_STEP_SHIFT) & MODE_STEP;
}

static bool is_records(const struct mote_patch *p)
{
    return step_of(p) > MODE_MAX_STEP;
}

/* The words of a record: how many, and four bits for each. */
static void read_record(struct mote_patch *p)
{
    uint32_t fields = read_direct(p, 14);
    p->head = fields & 3u;
    p->tail = fields >> 2 & 15u;
    p->shift = fields >> 6 & 31u;
    p->ratio_count = (uint8_t)(fields >> 11);
    clear((uint8_t *)p->record_ratio, sizeof p->record_ratio);
    unsigned count = p->head + p->tail;
    if (4u * count > p->row_length) {
        fail(p, MOTE_ERROR_FORMAT);
    }
    for (unsigned i = 0; i < count; i++) {
        p->column[i] = (uint8_t)read_direct(p, 4);
    }
}

/* The scale grew from s to s * (1 + ratio / 256), and the multiplier with it; its shift takes what 31 bits can't. */
static uint32_t multiplier_of(uint32_t old, int32_t ratio)
{
    uint64_t moved = ((uint64_t)old * (uint32_t)(SCALE_GRID + ratio) + SCALE_GRID / 2) / SCALE_GRID;
    return (uint32_t)(moved <= 0x7fffffffu ? moved : (moved + 1u) >> 1);
}

/* A bias is counted in units of the scale. In two steps, so that 32 bits suffice. */
static uint32_t bias_of(uint32_t old, int32_t ratio)
{
    int32_t divisor = SCALE_GRID + ratio;
    int32_t bias = (int32_t)old;
    int32_t quotient = bias / divisor;
    int32_t rest = bias - quotient * divisor;
    return (uint32_t)quotient * SCALE_GRID + (uint32_t)(rest * SCALE_GRID / divisor);
}

static void step_record(struct mote_patch *p)
{
    if (p->ratio_at < p->ratio_count) {
        int32_t ratio = (int32_t)read_signed(p, RATIO_AT, FIELD_EXPONENTS);
        if (ratio <= -SCALE_GRID || ratio > MAX_RECORD_RATIO) {
            fail(p, MOTE_ERROR_FORMAT);
        }
        p->record_ratio[p->ratio_at++] = (int16_t)ratio;
        return;
    }
    uint32_t left = p->row_end - p->produced;
    uint32_t at = p->row_length - left;
    if (at >= 4u * p->head && left > 4u * p->tail) {
        int old = (int8_t)base_byte(p, p->base_at++);
        bool is_high = step_of(p) == MODE_PAIRED && ((at - 4u * p->head) & 1u) != 0;
        int8_t code = (int8_t)(old + (is_high ? p->borrow : 0) + read_int8(p, old, is_high ? ZERO_AT - 1u : ZERO_AT));
        p->borrow = (int8_t)((old < 0) - (code < 0));
        emit(p, (uint8_t)code);
        return;
    }
    unsigned column = p->column[at < 4u * p->head ? at / 4u : p->head + p->tail - left / 4u];
    int32_t ratio = p->record_ratio[column & COLUMN_CHANNEL];
    bool is_bias = column >> 2 == COLUMN_BIAS;
    uint32_t word = base32(p);
    uint32_t residual = read_signed(p, is_bias ? INT32_AT : FLOAT32_AT, NUMBER_EXPONENTS);
    if (is_bias) {
        word = bias_of(word, ratio);
        residual <<= ratio == 0 ? p->shift : 0;
    } else if (column >> 2 == COLUMN_MULTIPLIER) {
        word = multiplier_of(word, ratio);
    }
    emit32(p, word + residual);
}

static void begin_row(struct mote_patch *p)
{
    p->row_end = p->produced + p->row_length;
    if ((p->mode & MODE_ROW_FLAGS) != 0) {
        p->row_unchanged = read_bit(p, ROW_AT + p->row_unchanged) != 0;
    }
    p->ratio_at = 0;
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
    if (is_records(p)) {
        step_record(p);
        return;
    }
    int old = (int8_t)base_byte(p, p->base_at++);
    int predicted = old;
    if (p->ratio != 0) {
        /* Rounds half up; an arithmetic shift, as every compiler for the parts in question has it. */
        predicted = (old * (RATIO_ONE + (int)p->ratio) + RATIO_ONE / 2) >> RATIO_SHIFT;
        predicted = predicted > 127 ? 127 : predicted < -128 ? -128 : predicted;
    }
    emit(p, (uint8_t)(predicted + (1 << step_of(p)) * read_int8(p, old, ZERO_AT)));
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
    bool is_float = p->kind == KIND_FLOAT32_RESIDUAL;
    uint32_t word = base32(p);
    uint32_t residual = read_signed(p, is_float ? FLOAT32_AT : INT32_AT, NUMBER_EXPONENTS);
    if (!is_float) {
        word += residual << (p->mode & 31);
    } else if ((p->mode & 1) == 0) {
        word += residual;
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
    flush(p);
    if (p->port->read_result(p->port->context, p->produced - p->distance, bytes, sizeof bytes) != 0) {
        fail(p, MOTE_ERROR_PORT);
        return;
    }
    p->base_at += 4;
    emit32(p, product_of(load32(bytes), p->factor) + read_signed(p, FLOAT32_AT, NUMBER_EXPONENTS));
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
        emit(p, (uint8_t)read_int8(p, 0, ZERO_AT));
        break;
    case KIND_INT8_RESIDUAL:
        step_row(p);
        break;
    case KIND_FLOAT32_PRODUCT:
        step_product(p);
        break;
    default:
        step_word(p);
        break;
    }
}

/* ---- operations ---- */

static bool has_base(const struct mote_patch *p)
{
    return p->kind == KIND_COPY_BASE || (p->kind >= KIND_INT8_RESIDUAL && p->kind != KIND_FLOAT32_PRODUCT);
}

static bool has_distance(const struct mote_patch *p)
{
    return p->kind == KIND_COPY_RESULT || p->kind == KIND_FLOAT32_PRODUCT;
}

static void read_offset(struct mote_patch *p)
{
    uint32_t plus_one = read_plus_one(p, OFFSET_AT, FIELD_EXPONENTS);
    if (has_distance(p)) {
        p->distance = plus_one;
        if (plus_one > p->produced || (p->kind == KIND_FLOAT32_PRODUCT && plus_one < 4u)) {
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
        reset(p, AREA_AT);
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
        p->state = has_base(p) || has_distance(p) ? STATE_OFFSET : STATE_LENGTH;
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
        p->state = STATE_BODY;
        if (p->kind == KIND_FLOAT32_PRODUCT) {
            uint32_t bits = read_direct(p, 16) << 16;
            bits |= read_direct(p, 16);
            memcpy(&p->factor, &bits, sizeof bits);
            return;
        }
        p->mode = (uint8_t)read_direct(p, 8);
        if (p->kind <= KIND_INT8_RESIDUAL
            && ((p->mode & MODE_DEPTH) > MODE_MAX_DEPTH
                || (p->kind == KIND_INT8_RESIDUAL && step_of(p) > MODE_PAIRED))) {
            fail(p, MOTE_ERROR_FORMAT);
        }
        if (p->kind == KIND_INT8_RESIDUAL && is_records(p)) {
            p->state = STATE_RECORD;
        }
        return;
    case STATE_RECORD:
        read_record(p);
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
    if (!is_equal(digest, expected, MOTE_SHA256_BYTES)) {
        fail(p, MOTE_ERROR_BASE);
    }
}

static void read_header(struct mote_patch *p)
{
    const uint8_t *header = scratch(p, 0);
    /* "full" has no base even where the device holds one: nothing lies within a base of no bytes. */
    p->base_length = load32(header + 8);
    p->result_length = load32(header + 12);
    if (!is_equal(header, (const uint8_t *)"MPAT\2", 5) || header[5] > 1 || header[6] != 0 || header[7] != 0) {
        fail(p, MOTE_ERROR_FORMAT);
    } else if (p->result_length > p->port->max_result_length) {
        fail(p, MOTE_ERROR_TOO_LARGE);
    } else if (header[5] == 0) {
        /* All bytes equal to the next one, and the first one zero. */
        if (p->base_length != 0 || header[16] != 0 || !is_equal(header + 16, header + 17, MOTE_SHA256_BYTES - 1u)) {
            fail(p, MOTE_ERROR_FORMAT);
        }
    } else if (p->base_length != p->port->base_length) {
        fail(p, MOTE_ERROR_BASE);
    } else {
        hash_base(p, header + 16);
    }
    for (unsigned i = 0; i < MOTE_SHA256_BYTES; i++) {
        p->result_sha256[i] = header[48u + i];
    }
    mote_sha256_begin(&p->sha);
    reset(p, 0);
    p->input_end = 0;
    p->state = STATE_START;
}

void mote_patch_begin(struct mote_patch *p, const struct mote_patch_port *port)
{
    clear((uint8_t *)p, sizeof *p);
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
    if (!is_equal(digest, p->result_sha256, MOTE_SHA256_BYTES)) {
        fail(p, MOTE_ERROR_RESULT);
    }
    return p->error;
}
