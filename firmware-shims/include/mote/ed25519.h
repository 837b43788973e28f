/*
 * Verification of Ed25519 signatures (RFC 8032), small rather than fast: no heap, no tables in RAM, about 1 kB of stack.
 *
 * Strict: one message has one signature. S at or beyond the group's order, coordinates at or beyond the field's prime and
 * public keys of small order are refused, and the equation is checked without the cofactor: the very verdicts of
 * protocol/node/crypto.ts, held equal by protocol/vectors/ed25519_vectors.h. All input is public, so time may depend on it.
 */
#ifndef MOTE_ED25519_H
#define MOTE_ED25519_H

#include <stdint.h>

#include "mote/error.h"

#define MOTE_KEY_BYTES 32u
#define MOTE_SIGNATURE_BYTES 64u

/* One piece of a message; pieces are hashed one after the other. */
struct mote_bytes {
    const uint8_t *bytes;
    uint32_t length;
};

/*
 * Verifies signatures. MOTE_OK, or MOTE_ERROR_SIGNATURE. `context` is that of struct mote_verifier; this one needs none.
 */
int mote_ed25519_verify(void *context, const uint8_t public_key[MOTE_KEY_BYTES], const struct mote_bytes *message,
                        unsigned pieces, const uint8_t signature[MOTE_SIGNATURE_BYTES]);

/*
 * Who verifies: mote_ed25519_verify, or a function of the board's own over its hardware or PSA Crypto. Such a function
 * MUST return 0 only for a valid signature, and SHOULD refuse what mote_ed25519_verify refuses.
 */
struct mote_verifier {
    int (*verify)(void *context, const uint8_t public_key[MOTE_KEY_BYTES], const struct mote_bytes *message,
                  unsigned pieces, const uint8_t signature[MOTE_SIGNATURE_BYTES]);
    void *context;
};

#endif
