#include "update_story.h"

#include <string.h>

#include "flash.h"
#include "mote/device.h"

#include "update_vectors.h"

#define RELEASES 3
#define PIECE 37u

const char *story_fault;

static int fault(const char *what)
{
    story_fault = what;
    return -1;
}

#define MUST(condition)                                    \
    do {                                                   \
        if (!(condition)) {                                \
            return fault(#condition);                      \
        }                                                  \
    } while (0)

struct release {
    struct mote_bytes envelope, patch, params;
};

#define BYTES(name) { mote_story_##name, sizeof mote_story_##name }
static const struct release RELEASE[RELEASES + 1] = {
    { { NULL, 0 }, { NULL, 0 }, { NULL, 0 } },
    { BYTES(envelope_1), BYTES(patch_1), BYTES(params_1) },
    { BYTES(envelope_2), BYTES(patch_2), BYTES(params_2) },
    { BYTES(envelope_3), BYTES(patch_3), BYTES(params_3) },
};

/*
 * The real verifier, asked once for each signature: thousands of cuts show the same few again. A key and signature stand
 * for their message here, because the story changes no signed byte.
 */
static int verify_once(void *context, const uint8_t public_key[MOTE_KEY_BYTES], const struct mote_bytes *message,
                       unsigned pieces, const uint8_t signature[MOTE_SIGNATURE_BYTES])
{
    static struct {
        uint8_t key[MOTE_KEY_BYTES];
        uint8_t signature[MOTE_SIGNATURE_BYTES];
        int verdict;
    } known[24];
    static unsigned count;
    for (unsigned i = 0; i < count; i++) {
        if (memcmp(known[i].key, public_key, MOTE_KEY_BYTES) == 0
            && memcmp(known[i].signature, signature, MOTE_SIGNATURE_BYTES) == 0) {
            return known[i].verdict;
        }
    }
    int verdict = mote_ed25519_verify(context, public_key, message, pieces, signature);
    if (count < sizeof known / sizeof known[0]) {
        memcpy(known[count].key, public_key, MOTE_KEY_BYTES);
        memcpy(known[count].signature, signature, MOTE_SIGNATURE_BYTES);
        known[count++].verdict = verdict;
    }
    return verdict;
}

static struct mote_flash flash;
static const struct mote_verifier verifier = { verify_once, NULL };
static const struct mote_board board = { .flash = &flash,
                                         .verifier = &verifier,
                                         .root = mote_story_root,
                                         .root_length = sizeof mote_story_root,
                                         .product = MOTE_STORY_PRODUCT,
                                         .hardware = MOTE_STORY_HARDWARE,
                                         .architecture_hash = mote_story_architecture };
static struct mote_device device;
/* Of the last offer; points into its envelope. */
static struct mote_release release;

/* Which release serves, every byte of it; 0 for none, -1 for a mixture. */
static int serving(void)
{
    int slot = mote_slots_serving(&device.slots);
    if (slot < 0) {
        return 0;
    }
    const uint8_t *bytes = flash_memory + flash.slot_address[slot];
    for (int i = 1; i <= RELEASES; i++) {
        if (device.slots.slot[slot].length == RELEASE[i].params.length
            && memcmp(bytes, RELEASE[i].params.bytes, RELEASE[i].params.length) == 0) {
            return i;
        }
    }
    return -1;
}

static int offer(const struct mote_bytes *envelope, uint32_t clock_s)
{
    return mote_device_offer(&device, envelope->bytes, envelope->length, clock_s, &release);
}

static int fetch(const struct mote_bytes *patch)
{
    for (uint32_t at = 0; at < patch->length; at += PIECE) {
        uint32_t count = patch->length - at < PIECE ? patch->length - at : PIECE;
        int error = mote_device_patch(&device, patch->bytes + at, count);
        if (error != MOTE_OK) {
            return error;
        }
    }
    return mote_device_patched(&device);
}

/* One step onward from whatever flash says: 1 to go on, 0 at the end, -1 for a fault. */
static int step(void)
{
    int now = serving();
    MUST(now >= 0);
    switch (device.slots.state) {
    case MOTE_STATE_TRYING:
        MUST(mote_device_tried(&device, 1) == MOTE_OK);
        return 1;
    case MOTE_STATE_PROBATION:
        MUST(mote_device_settle(&device, 1) == MOTE_OK);
        return 1;
    case MOTE_STATE_IDLE:
    case MOTE_STATE_WAITING:
        break;
    default:
        return fault("a state that no start leaves");
    }
    if (now == RELEASES) {
        return 0;
    }
    if (now == 2 && device.slots.root == MOTE_NO_SLOT) {
        MUST(mote_device_rotate_root(&device, mote_story_next_root, sizeof mote_story_next_root) == MOTE_OK);
        return 1;
    }
    const struct release *next = &RELEASE[now + 1];
    MUST(offer(&next->envelope, 0) == MOTE_OK);
    MUST(release.golden_inputs_length == 3136 && release.golden_outputs_length == 40);
    MUST(fetch(&next->patch) == MOTE_OK);
    MUST(device.slots.state == MOTE_STATE_TRYING && serving() == now);
    return 1;
}

long story_live(long cut, uint32_t program_bytes)
{
    /* Volatile: set between setjmp and longjmp. */
    static volatile int confirmed;
    static volatile long spent;
    static volatile int more;
    more = 1;
    confirmed = 0;
    spent = cut;
    flash_reset(&flash, program_bytes);
    flash_budget = cut >= 0 ? cut : 0x7fffffff;
    if (setjmp(flash_power_cut) == 0) {
        MUST(mote_device_open(&device, &board) == MOTE_OK);
        while (more > 0) {
            if (device.slots.state == MOTE_STATE_IDLE) {
                confirmed = serving();
            }
            more = step();
        }
        spent = 0x7fffffff - flash_budget;
    } else {
        flash_budget = -1;
        MUST(mote_device_open(&device, &board) == MOTE_OK);
        /* The old parameters or the new ones, whole; what was confirmed is never lost, nor a floor that was raised. */
        MUST(serving() == confirmed || serving() == confirmed + 1);
        MUST(confirmed < 2 || device.slots.floor == 2);
        while (more > 0) {
            more = step();
        }
    }
    MUST(more == 0);
    flash_budget = -1;
    MUST(mote_device_open(&device, &board) == MOTE_OK);
    MUST(serving() == RELEASES && device.slots.state == MOTE_STATE_IDLE);
    MUST(device.slots.floor == 2 && device.slots.root != MOTE_NO_SLOT);
    MUST(flash_abused == 0);
    /* Retired by the floor; and signed by a key that the stored root took away. */
    MUST(offer(&RELEASE[1].envelope, 0) == MOTE_ERROR_SIGNATURE);
    return spent;
}

int story_refusals(void)
{
    static uint8_t damaged[sizeof mote_story_envelope_2];
    const struct release *first = &RELEASE[1];
    const struct release *second = &RELEASE[2];
    flash_reset(&flash, 8);
    MUST(mote_device_open(&device, &board) == MOTE_OK);
    MUST(mote_slots_serving(&device.slots) == MOTE_ERROR_EMPTY);
    MUST(mote_device_patch(&device, first->patch.bytes, 1) == MOTE_ERROR_STATE);
    MUST(mote_device_tried(&device, 1) == MOTE_ERROR_STATE);
    MUST(mote_device_settle(&device, 1) == MOTE_ERROR_STATE);

    /* A trial that fails, and a probation that fails: what served before serves. */
    MUST(offer(&first->envelope, 0) == MOTE_OK);
    MUST(fetch(&first->patch) == MOTE_OK);
    MUST(offer(&first->envelope, 0) == MOTE_ERROR_STATE);
    MUST(mote_device_tried(&device, 1) == MOTE_OK && mote_device_settle(&device, 1) == MOTE_OK && serving() == 1);
    MUST(offer(&second->envelope, 0) == MOTE_OK);
    MUST(fetch(&second->patch) == MOTE_OK);
    MUST(mote_device_tried(&device, 0) == MOTE_OK && serving() == 1 && device.slots.state == MOTE_STATE_IDLE);
    MUST(offer(&second->envelope, 0) == MOTE_OK);
    MUST(fetch(&second->patch) == MOTE_OK);
    MUST(mote_device_tried(&device, 1) == MOTE_OK && serving() == 2);
    MUST(mote_device_settle(&device, 0) == MOTE_OK && serving() == 1);

    /* The floor was stored with the release that raised it, though that one did not stay. */
    MUST(offer(&first->envelope, 0) == MOTE_ERROR_BELOW_FLOOR);
    MUST(device.slots.state == MOTE_STATE_IDLE);

    /* Patches are untrusted: of another base, of another release, cut, and nothing of them serves. */
    MUST(offer(&second->envelope, 0) == MOTE_OK);
    MUST(fetch(&RELEASE[3].patch) == MOTE_ERROR_BASE && device.slots.state == MOTE_STATE_WAITING && serving() == 1);
    MUST(offer(&second->envelope, 0) == MOTE_OK);
    MUST(fetch(&first->patch) == MOTE_ERROR_RESULT && device.slots.state == MOTE_STATE_WAITING && serving() == 1);
    MUST(offer(&second->envelope, 0) == MOTE_OK);
    const struct mote_bytes cut = { second->patch.bytes, second->patch.length - 8u };
    MUST(fetch(&cut) == MOTE_ERROR_TRUNCATED && serving() == 1);

    /* Signed by mistake: parameters whose header names other code. */
    static const struct mote_bytes ALIEN = BYTES(alien_patch);
    MUST(mote_device_offer(&device, mote_story_alien_envelope, sizeof mote_story_alien_envelope, 0, &release)
         == MOTE_OK);
    MUST(fetch(&ALIEN) == MOTE_ERROR_ARCHITECTURE && serving() == 1);

    /* Envelopes: damaged, expired, by keys that do not count yet. */
    memcpy(damaged, mote_story_envelope_2, sizeof damaged);
    damaged[sizeof damaged - 1u] ^= 1u;
    MUST(mote_device_offer(&device, damaged, sizeof damaged, 0, &release) == MOTE_ERROR_SIGNATURE);
    MUST(offer(&second->envelope, 0xfffffff0u) == MOTE_ERROR_EXPIRED);
    MUST(offer(&RELEASE[3].envelope, 0) == MOTE_ERROR_SIGNATURE);
    MUST(mote_device_rotate_root(&device, mote_story_root, sizeof mote_story_root) == MOTE_ERROR_ROLLBACK);

    /* A root that takes a key away ends what that key had let in; not while its patch is being written. */
    MUST(offer(&second->envelope, 0) == MOTE_OK);
    MUST(mote_device_patch(&device, second->patch.bytes, 1) == MOTE_OK);
    MUST(mote_device_rotate_root(&device, mote_story_next_root, sizeof mote_story_next_root) == MOTE_ERROR_STATE);
    MUST(offer(&second->envelope, 0) == MOTE_OK);
    MUST(mote_device_rotate_root(&device, mote_story_next_root, sizeof mote_story_next_root) == MOTE_OK);
    MUST(device.slots.state == MOTE_STATE_WAITING);
    MUST(mote_device_patch(&device, second->patch.bytes, 1) == MOTE_ERROR_STATE);
    MUST(offer(&second->envelope, 0) == MOTE_ERROR_SIGNATURE && serving() == 1);
    MUST(flash_abused == 0);
    return 0;
}
