/* Base and result as the decoder sees them: a window into one, a few bytes of the other. Part of patch.c alone. */
#ifndef MOTE_PATCH_FILES_H
#define MOTE_PATCH_FILES_H

#include "range.h"

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

static void copy_base(struct mote_patch *p, uint32_t end)
{
    while (p->produced < end && p->output_length < FULL_OUTPUT) {
        emit(p, base_byte(p, p->base_at++));
    }
}

/* Straight into the output buffer: what is not written yet can't be read back, so it is written first. */
static void read_back(struct mote_patch *p, uint8_t *bytes, uint32_t count)
{
    flush(p);
    if (p->port->read_result(p->port->context, p->produced - p->distance, bytes, count) != 0) {
        fail(p, MOTE_ERROR_PORT);
    }
}

#endif
