/*
 * SHA-512 (FIPS 180-4), streaming, 200 bytes of state and about 150 bytes of stack: what Ed25519 hashes with.
 */
#ifndef MOTE_SHA512_H
#define MOTE_SHA512_H

#include <stdint.h>

#define MOTE_SHA512_BYTES 64u

struct mote_sha512 {
    uint64_t state[8];
    uint64_t block[16]; /* 128 bytes as they came; words only while a block is compressed */
    uint32_t length;    /* bytes so far; messages stay below 2^29 bytes */
};

void mote_sha512_begin(struct mote_sha512 *sha);
void mote_sha512_add(struct mote_sha512 *sha, const uint8_t *bytes, uint32_t length);
void mote_sha512_end(struct mote_sha512 *sha, uint8_t digest[MOTE_SHA512_BYTES]);

#endif
