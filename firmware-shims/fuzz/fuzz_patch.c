/*
 * libFuzzer on the patch decoder: the first byte picks the codec and the size of the pieces, the second what goes wrong
 * beside, the rest is payload behind an honest header, so that the fuzzer need not guess a digest to get to the operations.
 */
#include <stddef.h>
#include <string.h>

#include "memory_port.h"
#include "must.h"

/* Small, so that thousands are tried in a second. */
#define BASE_LENGTH 512u
#define RESULT_LENGTH 1536u

/* What the second byte says: below FAILING nothing, then after how many calls the port fails. */
enum { FAILING = 160, SMALL_SLOT = 254, OTHER_BASE = 255 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The base and its digest, made once. */
static void hash_base(uint8_t base[BASE_LENGTH], uint8_t digest[MOTE_SHA256_BYTES])
{
    static uint8_t known[MOTE_SHA256_BYTES];
    static int is_known;
    if (!is_known) {
        struct mote_sha256 sha;
        for (uint32_t i = 0; i < BASE_LENGTH; i++) {
            base[i] = (uint8_t)(i * 31u + (i >> 5));
        }
        mote_sha256_begin(&sha);
        mote_sha256_add(&sha, base, BASE_LENGTH);
        mote_sha256_end(&sha, known);
        is_known = 1;
    }
    memcpy(digest, known, sizeof known);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mote_patch decoder;
    static uint8_t base[BASE_LENGTH];
    static uint8_t result[RESULT_LENGTH];
    uint8_t header[] = { 'M', 'P', 4 << 4 | 1, 0, 0, 0, 0, 0, 0, 0, 0, (RESULT_LENGTH & 127) | 128, RESULT_LENGTH >> 7 };
    struct memory memory = { .base = base,
                             .base_length = BASE_LENGTH,
                             .result = result,
                             .capacity = RESULT_LENGTH,
                             .calls_left = -1 };
    struct mote_patch_port port = memory_port(&memory);
    if (size < 2) {
        return 0;
    }
    if (data[1] >= FAILING && data[1] < SMALL_SLOT) {
        memory.calls_left = data[1] - FAILING;
    } else if (data[1] == SMALL_SLOT) {
        port.max_result_length--;
    } else if (data[1] == OTHER_BASE) {
        port.base_length--;
    }
    if ((data[0] & 1) != 0) {
        header[2] = 4 << 4; /* full: no digest of a base */
    } else {
        uint8_t digest[MOTE_SHA256_BYTES];
        hash_base(base, digest);
        memcpy(header + 3, digest, MOTE_PATCH_DIGEST_BYTES);
    }
    uint32_t piece = 1u + (data[0] >> 1);
    mote_patch_begin(&decoder, &port);
    int error = (data[0] == 0xff) ? MOTE_OK : mote_patch_push(&decoder, header, sizeof header);
    for (size_t at = 2; at < size && error == MOTE_OK; at += piece) {
        size_t left = size - at;
        error = mote_patch_push(&decoder, data + at, piece < left ? piece : (uint32_t)left);
    }
    /* The digest is that of no result: whatever the payload, it can't be accepted, nor finished twice. */
    must(mote_patch_finish(&decoder) < 0 && mote_patch_finish(&decoder) < 0);
    must(memory.trespassed == 0);
    must(memory.written <= port.max_result_length);
    return 0;
}
