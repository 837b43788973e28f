/* The range decoder and how its bits become numbers. Part of patch.c alone, so that a compiler may inline all of it. */
#ifndef MOTE_PATCH_RANGE_H
#define MOTE_PATCH_RANGE_H

#include <stdbool.h>

#include "layout.h"

/* Functions called from several places, which a compiler would put into each of them. */
#define APART __attribute__((noinline))

APART static void fail(struct mote_patch *p, enum mote_error error)
{
    if (p->error == MOTE_OK) {
        p->error = (int16_t)error;
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

/* `count` plain bits behind those of `value`. */
static uint32_t read_direct(struct mote_patch *p, uint32_t value, unsigned count)
{
    while (count-- > 0) {
        p->probability[PLAIN_AT] = 32768u;
        value = (value << 1) | read_bit(p, PLAIN_AT);
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

/* Adaptive bits from `at` on: afresh, or only readier to move. */
APART static void loosen(struct mote_patch *p, unsigned at, bool is_fresh)
{
    for (; at < CONTEXTS; at++) {
        if (is_fresh) {
            p->probability[at] = 32768u;
            p->count[at] = 0;
        } else if (p->count[at] > KEPT_COUNT) {
            p->count[at] = KEPT_COUNT;
        }
    }
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

/* An adaptive bit each, the lowest first. */
static unsigned read_bits(struct mote_patch *p, unsigned at, unsigned count)
{
    unsigned value = 0;
    for (unsigned i = 0; i < count; i++) {
        value |= read_bit(p, at + i) << i;
    }
    return value;
}

/* Elias gamma: the value plus one, so that 2^32 - 1 has no place to overflow. The mantissa's bits share the last one. */
static uint32_t read_plus_one(struct mote_patch *p, unsigned at, unsigned exponents)
{
    unsigned exponent = 0;
    while (read_bit(p, at + (exponent < exponents ? exponent : exponents - 1u)) != 0) {
        if (++exponent == MAX_EXPONENT) {
            fail(p, MOTE_ERROR_FORMAT);
            return 1;
        }
    }
    uint32_t value = 1;
    while (exponent-- > 0) {
        value = (value << 1) | read_bit(p, at + exponents);
    }
    return value;
}

/* Modulo 2^32: the residual of a word. The zero flag may stand apart from the rest. */
static uint32_t read_signed(struct mote_patch *p, unsigned zero_at, unsigned at, unsigned exponents)
{
    if (read_bit(p, zero_at) == 0) {
        return 0;
    }
    bool negative = read_bit(p, at + 1u) != 0;
    uint32_t magnitude = read_plus_one(p, at + 2u, exponents);
    return negative ? 0u - magnitude : magnitude;
}

static uint32_t read_number(struct mote_patch *p, unsigned at)
{
    return read_signed(p, at, at, NUMBER_EXPONENTS);
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
            magnitude = read_direct(p, magnitude, left);
            break;
        }
        magnitude = (magnitude << 1) | read_bit(p, MANTISSA_AT + (1u << exponent) + magnitude);
    }
    return negative ? -(int)magnitude : (int)magnitude;
}

#endif
