/* A patch port over memory: what a board has in flash, a test has in two arrays. */
#ifndef MOTE_TEST_MEMORY_PORT_H
#define MOTE_TEST_MEMORY_PORT_H

#include "mote/patch.h"

struct memory {
    const uint8_t *base;
    uint32_t base_length;
    uint8_t *result;
    uint32_t capacity;
    uint32_t written;
    /* Calls of the port until one fails; negative: none does. */
    int32_t calls_left;
    /* Set when the decoder asked for something outside of what it may. */
    int trespassed;
};

struct mote_patch_port memory_port(struct memory *memory);

#endif
