/*
 * SHA-256 (FIPS 180-4), streaming, 100 bytes of state and about 100 bytes of stack.
 */
#ifndef MOTE_SHA256_H
#define MOTE_SHA256_H

#include <stdint.h>

#define MOTE_SHA256_BYTES 32u

struct mote_sha256 {
    uint32_t state[8];
    uint32_t length; /* bytes so far; messages stay below 2^29 bytes */
    uint32_t block[16]; /* 64 bytes as they came; words only while a block is compressed */
};

void mote_sha256_begin(struct mote_sha256 *sha);
void mote_sha256_add(struct mote_sha256 *sha, const uint8_t *bytes, uint32_t length);
void mote_sha256_end(struct mote_sha256 *sha, uint8_t digest[MOTE_SHA256_BYTES]);

#endif
