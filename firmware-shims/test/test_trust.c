/*
 * The verifier and the reader of envelopes on the shared vectors: the same verdicts as in TypeScript, case by case. Then
 * every single bit of an envelope flipped, and every length cut.
 */
#include "check.h"
#include "mote/sha512.h"
#include "mote/trust.h"

#include <string.h>

#include "ed25519_vectors.h"
#include "envelope_verdicts.h"
#include "envelope_vectors.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct mote_verifier OWN = { mote_ed25519_verify, NULL };

static void test_sha512(void)
{
    /* FIPS 180-4's example "abc", and 200 bytes in uneven pieces against one. */
    static const uint8_t ABC[8] = { 0xdd, 0xaf, 0x35, 0xa1, 0x93, 0x61, 0x7a, 0xba };
    struct mote_sha512 sha;
    uint8_t whole[MOTE_SHA512_BYTES];
    uint8_t pieces[MOTE_SHA512_BYTES];
    uint8_t bytes[300];
    mote_sha512_begin(&sha);
    mote_sha512_add(&sha, (const uint8_t *)"abc", 3);
    mote_sha512_end(&sha, whole);
    CHECK(memcmp(whole, ABC, sizeof ABC) == 0);
    memset(bytes, 0x5a, sizeof bytes);
    for (uint32_t length = 0; length <= sizeof bytes; length++) {
        mote_sha512_begin(&sha);
        mote_sha512_add(&sha, bytes, length);
        mote_sha512_end(&sha, whole);
        mote_sha512_begin(&sha);
        for (uint32_t at = 0; at < length; at += 7) {
            mote_sha512_add(&sha, bytes + at, length - at < 7 ? length - at : 7);
        }
        mote_sha512_end(&sha, pieces);
        CHECK(memcmp(whole, pieces, sizeof whole) == 0);
    }
}

static void test_ed25519(void)
{
    for (size_t i = 0; i < COUNT(mote_ed25519_vectors); i++) {
        const struct mote_ed25519_vector *v = &mote_ed25519_vectors[i];
        const uint8_t *message = v->bytes + 96;
        uint32_t cut = v->message_length / 3u;
        const struct mote_bytes pieces[2] = { { message, cut }, { message + cut, v->message_length - cut } };
        int verdict = mote_ed25519_verify(NULL, v->bytes, pieces, 2, v->bytes + 32);
        if (verdict != (v->is_valid ? MOTE_OK : MOTE_ERROR_SIGNATURE)) {
            (void)fprintf(stderr, "signature: %s: %d\n", v->name, verdict);
            failures++;
        }
    }
    (void)printf("Ed25519: %u shared cases\n", (unsigned)COUNT(mote_ed25519_vectors));
}

static int judge(const struct mote_envelope_vector *v, const uint8_t *envelope, uint32_t length, struct mote_trust *trust)
{
    const struct mote_question question = { MOTE_VECTOR_PRODUCT, MOTE_VECTOR_HARDWARE, mote_vector_architecture,
                                            v->clock_s };
    struct mote_release release;
    CHECK(mote_trust_pin(trust, &OWN, v->root, (uint32_t)v->root_length, v->floor, v->time_s) == MOTE_OK);
    return v->is_root ? mote_trust_rotate(trust, envelope, length)
                      : mote_trust_judge(trust, envelope, length, &question, &release);
}

static void test_envelopes(void)
{
    for (size_t i = 0; i < COUNT(mote_envelope_vectors); i++) {
        const struct mote_envelope_vector *v = &mote_envelope_vectors[i];
        struct mote_trust trust;
        struct mote_trust before;
        int verdict = judge(v, v->envelope, (uint32_t)v->envelope_length, &trust);
        if (strcmp(verdict_name(verdict), v->verdict) != 0) {
            (void)fprintf(stderr, "envelope: %s: %s instead of %s\n", v->name, verdict_name(verdict), v->verdict);
            failures++;
        }
        if (verdict != MOTE_OK) {
            CHECK(mote_trust_pin(&before, &OWN, v->root, (uint32_t)v->root_length, v->floor, v->time_s) == MOTE_OK);
            CHECK(memcmp(&before, &trust, sizeof trust) == 0); /* nothing of it was used */
        } else if (v->is_root) {
            CHECK(trust.root_version == 2);
        } else {
            CHECK(trust.floor >= v->floor && trust.time_s >= v->time_s && trust.time_s > 0);
        }
    }
    (void)printf("envelopes: %u shared cases\n", (unsigned)COUNT(mote_envelope_vectors));
}

/* Cut at every byte, in memory of exactly that length; every byte changed, though not every signature is computed anew. */
static void test_damage(void)
{
    const struct mote_envelope_vector *v = &mote_envelope_vectors[0];
    uint32_t length = (uint32_t)v->envelope_length;
    struct mote_trust trust;
    for (uint32_t cut = 0; cut < length; cut++) {
        uint8_t *copy = malloc(cut + 1u);
        memcpy(copy, v->envelope, cut);
        CHECK(judge(v, copy, cut, &trust) == MOTE_ERROR_FORMAT);
        free(copy);
    }
    for (uint32_t at = 0; at < length; at++) {
        uint8_t copy[512];
        memcpy(copy, v->envelope, length);
        copy[at] ^= (uint8_t)(1u << (at & 7u));
        CHECK(judge(v, copy, length, &trust) != MOTE_OK);
        memcpy(copy, v->root, v->root_length);
        if (at < v->root_length) {
            copy[at] ^= (uint8_t)(1u << (at & 7u));
            CHECK(mote_trust_rotate(&trust, copy, (uint32_t)v->root_length) != MOTE_OK);
        }
    }
}

int main(void)
{
    test_sha512();
    test_ed25519();
    test_envelopes();
    test_damage();
    return failures != 0;
}
