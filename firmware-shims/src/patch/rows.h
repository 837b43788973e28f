/* The body of one operation of codes, a number at a time: protocol/src/patch/row-reader.ts. Part of patch.c alone. */
#ifndef MOTE_PATCH_ROWS_H
#define MOTE_PATCH_ROWS_H

#include "files.h"

/* What the form says, in bytes and channels. The row's length is known. */
static void open_rows(struct mote_patch *p)
{
    unsigned form = p->form;
    unsigned channels = 1u << (form >> FORM_CHANNELS_SHIFT & 3u);
    unsigned words = 0;
    unsigned before = 0;
    if ((form & FORM_WORDS) != 0) {
        before = (form & FORM_HEAD) != 0 ? channels >> 1 : 0;
        words = channels * (2u + (form >> FORM_EXTRAS_SHIFT & 3u));
    }
    if ((p->mode & MODE_DEPTH) > MODE_MAX_DEPTH || (form & FORM_CODES) > FORM_PAIRS || channels > MOTE_PATCH_CHANNELS
        || 4u * words > p->row_length) {
        fail(p, MOTE_ERROR_FORMAT);
    }
    p->channels = (uint8_t)channels;
    p->lanes = (uint8_t)((form & FORM_CODES) != 0 && channels == 1 ? 2u : channels);
    p->before = (uint8_t)(4u * before);
    p->behind = (uint8_t)(4u * (words - before));
    p->row_end = p->produced;
    p->unchanged = 0;
    clear((uint8_t *)p->ratio, sizeof p->ratio);
}

static void begin_row(struct mote_patch *p)
{
    p->row_end = p->produced + p->row_length;
    p->ratio_at = (p->mode & MODE_RATIOS) != 0 ? 0 : p->channels;
    p->moved = 0;
    p->borrow = 0;
    if ((p->mode & MODE_FLAGS) == 0) {
        return;
    }
    for (unsigned lane = 0; lane < p->lanes; lane++) {
        unsigned before = (unsigned)p->unchanged >> lane & 1u;
        unsigned flag = read_bit(p, FLAG_AT + 2u * (lane & 1u) + before);
        p->unchanged = (uint8_t)(p->unchanged ^ (before ^ flag) << lane);
    }
}

static void read_ratio(struct mote_patch *p)
{
    int32_t ratio = (int32_t)read_signed(p, RATIO_AT, RATIO_AT, FIELD_EXPONENTS);
    if (ratio <= -SCALE_GRID || ratio > MAX_RATIO) {
        fail(p, MOTE_ERROR_FORMAT);
        ratio = 0;
    }
    p->ratio[p->ratio_at++] = (int16_t)ratio;
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

/* A word `at` bytes from the start of its row, `left` from its end. */
static void step_row_word(struct mote_patch *p, uint32_t at, uint32_t left)
{
    unsigned form = p->form;
    unsigned channel = (at >> 1) + 1u;
    unsigned kind = 0; /* bias, multiplier, or more: an extra */
    if (at >= p->before) {
        unsigned word = (p->behind - left) / 4u;
        unsigned biases = p->channels - p->before / 4u;
        channel = p->before != 0 ? 2u * word : word;
        if (word >= biases) {
            unsigned each = (form >> FORM_EXTRAS_SHIFT & 3u) + 1u;
            channel = (word - biases) / each;
            kind = (word - biases) % each + 1u;
        }
    }
    int32_t ratio = p->ratio[channel];
    uint32_t old = 0;
    if ((p->mode & MODE_BASE) != 0) {
        old = base32(p);
    } else {
        p->base_at += 4;
    }
    uint32_t word;
    if (kind == 0) {
        uint32_t residual = read_number(p, INT32_AT);
        word = bias_of(old, ratio) + (residual << (ratio == 0 ? form >> FORM_BIAS_SHIFT & 31u : 0));
        p->moved = word - old;
    } else if (kind == 1) {
        word = multiplier_of(old, ratio) + read_number(p, FLOAT32_AT);
    } else {
        word = old + ((form & FORM_FOLLOW) != 0 ? p->moved : 0);
        word += read_signed(p, EXTRA_ZERO_AT, FLOAT32_AT, NUMBER_EXPONENTS);
    }
    emit32(p, word);
}

/* `at` bytes behind the first code of the row. */
static void step_code(struct mote_patch *p, uint32_t at)
{
    bool is_paired = (p->form & FORM_CODES) == FORM_PAIRS;
    unsigned lane = is_paired ? (at & 1u) | (p->channels == 4 ? at >> 1 & 2u : 0) : at & (p->channels - 1u);
    bool is_high = is_paired && (lane & 1u) != 0;
    unsigned lift = (p->form & FORM_LIFTED) != 0 ? 128u : 0;
    int old = (p->mode & MODE_BASE) != 0 ? (int8_t)(base_byte(p, p->base_at) ^ lift) : 0;
    p->base_at++;
    int code = old;
    if (((unsigned)p->unchanged >> lane & 1u) == 0) {
        /* Under a moved scale the same value is another code; modulo 256, as all codes are. */
        unsigned channel = lane & (p->channels - 1u);
        code = ((int32_t)bias_of((uint32_t)(old * 256), (p->form & FORM_VALUES) != 0 ? p->ratio[channel] : 0) + 128) >> 8;
        code += read_int8(p, old, ZERO_AT + (is_high ? 1u : 0u));
    }
    code += is_high ? p->borrow : 0;
    p->borrow = (int8_t)((old < 0) - ((int8_t)code < 0));
    emit(p, (uint8_t)((unsigned)code ^ lift));
}

static void step_row(struct mote_patch *p)
{
    uint32_t left = p->row_end - p->produced;
    uint32_t at = p->row_length - left;
    if (left == 0) {
        begin_row(p);
    } else if (p->ratio_at < p->channels) {
        read_ratio(p);
    } else if (at < p->before || left <= p->behind) {
        step_row_word(p, at, left);
    } else {
        step_code(p, at - p->before);
    }
}

#endif
