/*
 * libFuzzer on the reader of envelopes: the first byte picks what the rest claims to be. Signatures count as valid when
 * their first byte is even, so that the fuzzer reaches what lies behind them; kids and thresholds are as in life. Begun
 * from the shared vectors (seed_envelopes.c).
 */
#include <stddef.h>
#include <string.h>

#include "mote/trust.h"
#include "must.h"

#include "envelope_vectors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int verify(void *context, const uint8_t public_key[MOTE_KEY_BYTES], const struct mote_bytes *message,
                  unsigned pieces, const uint8_t signature[MOTE_SIGNATURE_BYTES])
{
    /* Every byte of the message is read, as a real verifier would. */
    uint8_t sum = 0;
    for (unsigned i = 0; i < pieces; i++) {
        for (uint32_t at = 0; at < message[i].length; at++) {
            sum = (uint8_t)(sum + message[i].bytes[at]);
        }
    }
    *(volatile uint8_t *)context = (uint8_t)(sum ^ public_key[0]);
    return (signature[0] & 1u) == 0 ? MOTE_OK : MOTE_ERROR_SIGNATURE;
}

static int is_within(const uint8_t *part, uint32_t length, const uint8_t *whole, size_t size)
{
    return part >= whole && part + length <= whole + size;
}

static void judge(struct mote_trust *trust, const uint8_t *bytes, size_t size)
{
    static const struct mote_question question = { MOTE_VECTOR_PRODUCT, MOTE_VECTOR_HARDWARE, mote_vector_architecture,
                                                   0 };
    struct mote_trust before = *trust;
    struct mote_release release;
    if (mote_trust_judge(trust, bytes, (uint32_t)size, &question, &release) != MOTE_OK) {
        must(memcmp(&before, trust, sizeof before) == 0);
        return;
    }
    must(trust->floor >= before.floor && trust->time_s >= before.time_s && release.sequence >= trust->floor);
    must(trust->time_s < release.expires_s && release.params_length > 0);
    must(is_within(release.params_sha256, 32, bytes, size));
    must(is_within(release.golden_inputs_sha256, 32, bytes, size));
    must(is_within(release.golden_outputs_sha256, 32, bytes, size));
    must(is_within(release.manifest_sha256, 32, bytes, size));
    must(is_within(release.version.bytes, release.version.length, bytes, size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t read;
    static const struct mote_verifier verifier = { verify, &read };
    const struct mote_envelope_vector *vector = &mote_envelope_vectors[0];
    struct mote_trust trust;
    if (size < 1) {
        return 0;
    }
    const uint8_t *bytes = data + 1;
    size--;
    must(mote_trust_pin(&trust, &verifier, vector->root, (uint32_t)vector->root_length, 3, 5) == MOTE_OK);
    switch (data[0] % 3u) {
    case 0:
        judge(&trust, bytes, size);
        break;
    case 1: {
        struct mote_trust before = trust;
        if (mote_trust_rotate(&trust, bytes, (uint32_t)size) == MOTE_OK) {
            must(trust.root_version == before.root_version + 1u && trust.floor == before.floor);
            judge(&trust, vector->envelope, vector->envelope_length);
        } else {
            must(memcmp(&before, &trust, sizeof before) == 0);
        }
        break;
    }
    default:
        if (mote_trust_pin(&trust, &verifier, bytes, (uint32_t)size, 0, 0) == MOTE_OK) {
            must(trust.release_keys.count >= 1 && trust.release_keys.count <= MOTE_TRUST_MAX_KEYS);
            must(is_within(trust.root_keys.first, MOTE_KEY_BYTES, bytes, size));
            judge(&trust, vector->envelope, vector->envelope_length);
        }
        break;
    }
    return 0;
}
