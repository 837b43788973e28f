#include "mote/sha256.h"

/* FIPS 180-4, section 4.2.2. */
static const uint32_t ROUND_CONSTANTS[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t x, unsigned n)
{
    return (x >> n) | (x << (32u - n));
}

static uint32_t load(const uint8_t *bytes)
{
    return ((uint32_t)bytes[0] << 24) | ((uint32_t)bytes[1] << 16) | ((uint32_t)bytes[2] << 8) | bytes[3];
}

static void store(uint8_t *bytes, uint32_t word)
{
    for (unsigned i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(word >> (24u - 8u * i));
    }
}

/*
 * Section 6.2.2. The schedule is a window of 16 words instead of 64, and takes the place of the block, because stacks
 * are small.
 */
static void compress(struct mote_sha256 *sha)
{
    uint32_t *w = sha->block;
    uint32_t a = sha->state[0];
    uint32_t b = sha->state[1];
    uint32_t c = sha->state[2];
    uint32_t d = sha->state[3];
    uint32_t e = sha->state[4];
    uint32_t f = sha->state[5];
    uint32_t g = sha->state[6];
    uint32_t h = sha->state[7];
    for (unsigned t = 0; t < 64; t++) {
        if (t < 16) {
            w[t] = load((const uint8_t *)(w + t));
        } else {
            uint32_t w15 = w[(t + 1u) & 15u];
            uint32_t w2 = w[(t + 14u) & 15u];
            uint32_t s0 = rotate(w15, 7) ^ rotate(w15, 18) ^ (w15 >> 3);
            uint32_t s1 = rotate(w2, 17) ^ rotate(w2, 19) ^ (w2 >> 10);
            w[t & 15u] += s0 + w[(t + 9u) & 15u] + s1;
        }
        uint32_t e1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
        uint32_t t1 = h + e1 + (g ^ (e & (f ^ g))) + ROUND_CONSTANTS[t] + w[t & 15u];
        uint32_t e0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
        uint32_t t2 = e0 + ((a & b) | (c & (a | b)));
        h = g;
        g = f;
        f = e;
        e = d + t1;
        d = c;
        c = b;
        b = a;
        a = t1 + t2;
    }
    sha->state[0] += a;
    sha->state[1] += b;
    sha->state[2] += c;
    sha->state[3] += d;
    sha->state[4] += e;
    sha->state[5] += f;
    sha->state[6] += g;
    sha->state[7] += h;
}

void mote_sha256_begin(struct mote_sha256 *sha)
{
    static const uint32_t INITIAL[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
    for (unsigned i = 0; i < 8; i++) {
        sha->state[i] = INITIAL[i];
    }
    sha->length = 0;
}

void mote_sha256_add(struct mote_sha256 *sha, const uint8_t *bytes, uint32_t length)
{
    while (length > 0) {
        uint32_t at = sha->length & 63u;
        ((uint8_t *)sha->block)[at] = *bytes++;
        sha->length++;
        length--;
        if (at == 63u) {
            compress(sha);
        }
    }
}

void mote_sha256_end(struct mote_sha256 *sha, uint8_t digest[MOTE_SHA256_BYTES])
{
    uint32_t length = sha->length;
    uint32_t at = length & 63u;
    uint8_t *block = (uint8_t *)sha->block;
    block[at++] = 0x80;
    while (at != 56u) {
        if (at == 64u) {
            compress(sha);
            at = 0;
        } else {
            block[at++] = 0;
        }
    }
    store(block + 56, length >> 29);
    store(block + 60, length << 3);
    compress(sha);
    for (unsigned i = 0; i < 8; i++) {
        store(digest + 4u * i, sha->state[i]);
    }
}
