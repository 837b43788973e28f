/*
 * libFuzzer on the whole device: the input is a script of what comes over the line (envelopes, patches and roots, genuine
 * or edited, in any order and any pieces) and of what happens to the board (restarts, cut power, flash that fails). Whatever
 * it says, what serves is a release that people signed, every byte of it, or nothing, and the floor never falls.
 */
#include <stdlib.h>
#include <string.h>

#include "flash.h"
#include "mote/device.h"
#include "must.h"

#include "update_vectors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BYTES(name) { mote_story_##name, sizeof mote_story_##name }
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
static const struct mote_bytes PARAMS[] = { BYTES(params_1), BYTES(params_2), BYTES(params_3) };
static const struct mote_bytes PATCHES[] = { BYTES(patch_1), BYTES(patch_2), BYTES(patch_3), BYTES(alien_patch) };
static const struct mote_bytes ENVELOPES[] = { BYTES(envelope_1), BYTES(envelope_2), BYTES(envelope_3),
                                               BYTES(alien_envelope), BYTES(next_root) };
static const struct mote_bytes ROOTS[] = { BYTES(next_root), BYTES(root), BYTES(envelope_1) };

/* ---- signatures: the genuine ones are verified once, every other one is wrong ---- */

static uint8_t genuine[32][MOTE_SHA256_BYTES];
static unsigned genuine_count;
static int is_learning;

static int verify(void *context, const uint8_t public_key[MOTE_KEY_BYTES], const struct mote_bytes *message,
                  unsigned pieces, const uint8_t signature[MOTE_SIGNATURE_BYTES])
{
    struct mote_sha256 sha;
    uint8_t digest[MOTE_SHA256_BYTES];
    mote_sha256_begin(&sha);
    mote_sha256_add(&sha, public_key, MOTE_KEY_BYTES);
    for (unsigned i = 0; i < pieces; i++) {
        mote_sha256_add(&sha, message[i].bytes, message[i].length);
    }
    mote_sha256_add(&sha, signature, MOTE_SIGNATURE_BYTES);
    mote_sha256_end(&sha, digest);
    if (is_learning && mote_ed25519_verify(context, public_key, message, pieces, signature) == MOTE_OK) {
        must(genuine_count < COUNT(genuine));
        memcpy(genuine[genuine_count++], digest, sizeof digest);
    }
    for (unsigned i = 0; i < genuine_count; i++) {
        if (memcmp(genuine[i], digest, sizeof digest) == 0) {
            return MOTE_OK;
        }
    }
    return MOTE_ERROR_SIGNATURE;
}

static const struct mote_verifier verifier = { verify, NULL };

static void learn_signatures(void)
{
    static const struct mote_question question = { MOTE_STORY_PRODUCT, MOTE_STORY_HARDWARE, mote_story_architecture, 0 };
    struct mote_trust trust;
    struct mote_release release;
    is_learning = 1;
    must(mote_trust_pin(&trust, &verifier, mote_story_root, sizeof mote_story_root, 0, 0) == MOTE_OK);
    for (unsigned pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < COUNT(ENVELOPES); i++) {
            (void)mote_trust_judge(&trust, ENVELOPES[i].bytes, ENVELOPES[i].length, &question, &release);
        }
        must(mote_trust_rotate(&trust, mote_story_next_root, sizeof mote_story_next_root)
             == (pass == 0 ? MOTE_OK : MOTE_ERROR_ROLLBACK));
    }
    is_learning = 0;
}

/* ---- the board ---- */

static struct mote_flash flash;
static struct mote_device device;
static const struct mote_board board = { .flash = &flash,
                                         .verifier = &verifier,
                                         .root = mote_story_root,
                                         .root_length = sizeof mote_story_root,
                                         .product = MOTE_STORY_PRODUCT,
                                         .hardware = MOTE_STORY_HARDWARE,
                                         .architecture_hash = mote_story_architecture };

/* ---- what must hold ---- */

/* Of what was answered with success, so that it must be in flash. */
static uint32_t floor_stored;

static void check_serving(void)
{
    int slot = mote_slots_serving(&device.slots);
    if (slot < 0) {
        return;
    }
    for (size_t i = 0; i < COUNT(PARAMS); i++) {
        if (device.slots.slot[slot].length == PARAMS[i].length
            && memcmp(flash_memory + flash.slot_address[slot], PARAMS[i].bytes, PARAMS[i].length) == 0) {
            return;
        }
    }
    abort();
}

static void check(void)
{
    must(flash_abused == 0);
    check_serving();
    must(device.slots.floor >= floor_stored);
}

/* ---- the script ---- */

static const uint8_t *at;
static const uint8_t *end;

static unsigned next(void)
{
    return at == end ? 0 : *at++;
}

static unsigned next16(void)
{
    unsigned high = next();
    return high << 8 | next();
}

/* One of the genuine messages, as it is or edited. */
static struct mote_bytes message(const struct mote_bytes *list, size_t count)
{
    static uint8_t edited[1024];
    struct mote_bytes bytes = list[next() % count];
    unsigned edits = next() % 4u;
    must(bytes.length <= sizeof edited);
    memcpy(edited, bytes.bytes, bytes.length);
    for (unsigned i = 0; i < edits; i++) {
        unsigned place = next16() % bytes.length;
        edited[place] ^= (uint8_t)next();
    }
    if (edits == 3u) {
        bytes.length = next16() % (bytes.length + 1u);
    }
    bytes.bytes = edited;
    return bytes;
}

static void offer(void)
{
    struct mote_release release;
    struct mote_bytes envelope = message(ENVELOPES, COUNT(ENVELOPES));
    uint32_t clock_s = next() == 255u ? 0xfffffff0u : 0;
    if (mote_device_offer(&device, envelope.bytes, envelope.length, clock_s, &release) == MOTE_OK) {
        must(release.sequence >= floor_stored && release.sequence >= release.floor);
        floor_stored = device.slots.floor;
    }
}

static void patch(void)
{
    struct mote_bytes bytes = message(PATCHES, COUNT(PATCHES));
    uint32_t piece = 1u + next();
    for (uint32_t done = 0; done < bytes.length; done += piece) {
        uint32_t rest = bytes.length - done;
        if (mote_device_patch(&device, bytes.bytes + done, rest < piece ? rest : piece) != MOTE_OK) {
            return;
        }
    }
}

/* At first start and after each cut: flash that fails even then is asked once more. */
static void open_board(void)
{
    flash_budget = -1;
    if (mote_device_open(&device, &board) != MOTE_OK) {
        flash_calls_left = 0;
        must(mote_device_open(&device, &board) == MOTE_OK);
    }
}

static void act(void)
{
    switch (next() % 9u) {
    case 0:
        offer();
        break;
    case 1:
        patch();
        break;
    case 2:
        (void)mote_device_patched(&device);
        break;
    case 3:
        (void)mote_device_tried(&device, (next() & 1u) == 0);
        break;
    case 4:
        (void)mote_device_settle(&device, (next() & 1u) == 0);
        break;
    case 5: {
        struct mote_bytes root = message(ROOTS, COUNT(ROOTS));
        (void)mote_device_rotate_root(&device, root.bytes, root.length);
        break;
    }
    case 6:
        open_board();
        break;
    case 7:
        flash_budget = (long)next16();
        break;
    default:
        flash_calls_left = 1u + next();
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (genuine_count == 0) {
        learn_signatures();
    }
    flash_reset(&flash, 8);
    floor_stored = 0;
    at = data;
    end = data + size;
    open_board();
    while (at != end) {
        if (setjmp(flash_power_cut) == 0) {
            act();
        } else {
            open_board();
        }
        check();
    }
    return 0;
}
