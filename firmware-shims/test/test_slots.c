/*
 * A device's whole life over simulated NOR flash (programming only clears bits, a cut erase leaves rubbish), with the
 * power cut at every single byte that is programmed or erased. After each cut the board starts again: it must serve the
 * old contents or the new ones, whole, and the update must go through when tried again.
 */
#include <string.h>

#include "check.h"
#include "flash.h"

#define SLOT FLASH_SLOT

static struct mote_flash flash;

static uint8_t contents[2][SLOT];
static const uint32_t lengths[2] = { 301, 419 };
static uint8_t digests[2][MOTE_SHA256_BYTES];

static void make_contents(void)
{
    for (unsigned which = 0; which < 2; which++) {
        struct mote_sha256 sha;
        for (uint32_t i = 0; i < SLOT; i++) {
            contents[which][i] = (uint8_t)(i * 7u + which * 101u + 3u);
        }
        mote_sha256_begin(&sha);
        mote_sha256_add(&sha, contents[which], lengths[which]);
        mote_sha256_end(&sha, digests[which]);
    }
}

/* Brings contents `which` into the spare slot and on to confirmed. */
static void update(struct mote_slots *slots, unsigned which)
{
    CHECK(mote_slots_enter(slots, MOTE_STATE_APPLYING) == MOTE_OK);
    CHECK(mote_slots_write_begin(slots) == MOTE_OK);
    for (uint32_t at = 0; at < lengths[which]; at += 13) {
        uint32_t count = lengths[which] - at < 13 ? lengths[which] - at : 13;
        uint8_t back[13];
        CHECK(mote_slots_write(slots, contents[which] + at, count) == MOTE_OK);
        CHECK(mote_slots_read_back(slots, at, back, count) == MOTE_OK);
        CHECK(memcmp(back, contents[which] + at, count) == 0);
    }
    CHECK(mote_slots_write_end(slots, digests[which]) == MOTE_OK);
    CHECK(mote_slots_enter(slots, MOTE_STATE_TRYING) == MOTE_OK);
    CHECK(mote_slots_enter(slots, MOTE_STATE_PROBATION) == MOTE_OK);
    CHECK(mote_slots_serving(slots) == (int)mote_slots_spare(slots));
    CHECK(mote_slots_enter(slots, MOTE_STATE_CONFIRMING) == MOTE_OK);
    CHECK(mote_slots_confirm(slots) == MOTE_OK);
}

#define TRY(call)              \
    do {                       \
        int error = (call);    \
        if (error != MOTE_OK) { \
            return error;      \
        }                      \
    } while (0)

/* The same where flash may fail: MOTE_OK or the first error. */
static int try_update(struct mote_slots *slots, unsigned which)
{
    TRY(mote_slots_enter(slots, MOTE_STATE_APPLYING));
    TRY(mote_slots_write_begin(slots));
    TRY(mote_slots_write(slots, contents[which], lengths[which]));
    TRY(mote_slots_write_end(slots, digests[which]));
    TRY(mote_slots_enter(slots, MOTE_STATE_TRYING));
    TRY(mote_slots_enter(slots, MOTE_STATE_PROBATION));
    TRY(mote_slots_enter(slots, MOTE_STATE_CONFIRMING));
    return mote_slots_confirm(slots);
}

/* Which contents the slot that serves holds, every byte of it; -1 for none; a mixture fails the test. */
static int serving_contents(const struct mote_slots *slots)
{
    int serving = mote_slots_serving(slots);
    if (serving < 0) {
        return -1;
    }
    const uint8_t *bytes = flash_memory + flash.slot_address[serving];
    uint32_t length = slots->slot[serving].length;
    for (int which = 0; which < 2; which++) {
        if (length == lengths[which] && memcmp(bytes, contents[which], length) == 0) {
            return which;
        }
    }
    CHECK(!"a slot that serves holds neither the old contents nor the new");
    return -2;
}

/* What a board does at its start: finish what the journal says was begun, as the update table has it. */
static void restart(struct mote_slots *slots)
{
    CHECK(mote_slots_open(slots, &flash) == MOTE_OK);
    enum mote_update_state state = (enum mote_update_state)slots->state;
    int next = mote_update_next(state, MOTE_EVENT_RESTARTED);
    CHECK(next >= 0 && next < MOTE_STATE_COUNT);
    if (next == MOTE_STATE_CONFIRMING) {
        CHECK(mote_slots_confirm(slots) == MOTE_OK);
    } else if (next != MOTE_STATE_IDLE) {
        CHECK(mote_slots_revert(slots) == MOTE_OK);
    }
}

/* From blank flash to contents 0; with `updates` more, each taking the other contents. Returns the bytes it spent. */
static long live(long cut, int updates)
{
    static struct mote_slots slots;
    /* Volatile: set between setjmp and longjmp. */
    static volatile int confirmed;
    confirmed = -1;
    flash_reset(&flash, flash.program_bytes);
    flash_budget = cut;
    if (setjmp(flash_power_cut) == 0) {
        CHECK(mote_slots_open(&slots, &flash) == MOTE_OK);
        CHECK(mote_slots_serving(&slots) == MOTE_ERROR_EMPTY);
        for (int i = 0; i <= updates; i++) {
            update(&slots, (unsigned)i & 1u);
            confirmed = i & 1;
        }
        return cut < 0 ? 0 : cut - flash_budget;
    }
    flash_budget = -1;
    CHECK(mote_slots_open(&slots, &flash) == MOTE_OK);
    int serves = serving_contents(&slots);
    CHECK(confirmed < 0 || serves >= 0); /* what was confirmed once is never lost */
    restart(&slots);
    serves = serving_contents(&slots);
    CHECK(confirmed < 0 || serves >= 0);
    unsigned next = serves == 0 ? 1u : 0u;
    update(&slots, next);
    CHECK(serving_contents(&slots) == (int)next);
    CHECK(mote_slots_open(&slots, &flash) == MOTE_OK);
    CHECK(serving_contents(&slots) == (int)next);
    CHECK(flash_abused == 0);
    return -1;
}

/*
 * Flash that fails once, at its first call, at its second … with half of it done: the error comes back, what served serves,
 * and the update goes through when tried again, over a restart or without one.
 */
static void test_failing_flash(void)
{
    static struct mote_slots slots;
    for (unsigned call = 1;; call++) {
        (void)live(-1, 0);
        CHECK(mote_slots_open(&slots, &flash) == MOTE_OK);
        flash_calls_left = call;
        int error = try_update(&slots, 1);
        if (flash_calls_left > 0) {
            CHECK(error == MOTE_OK);
            (void)printf("slots: flash fails at each of %u calls\n", call - 1u);
            break;
        }
        CHECK(error == MOTE_ERROR_PORT && serving_contents(&slots) >= 0);
        if (call % 2u == 0) {
            restart(&slots);
        }
        update(&slots, 1);
        CHECK(mote_slots_open(&slots, &flash) == MOTE_OK);
        CHECK(slots.state == MOTE_STATE_IDLE && serving_contents(&slots) == 1);
        CHECK(flash_abused == 0);
    }
    flash_calls_left = 0;
}

static void test_refusals(void)
{
    static struct mote_slots slots;
    uint8_t wrong[MOTE_SHA256_BYTES] = { 0 };
    (void)live(-1, 0);
    CHECK(mote_slots_open(&slots, &flash) == MOTE_OK);
    CHECK(mote_slots_confirm(&slots) == MOTE_ERROR_STATE);
    CHECK(mote_slots_write_begin(&slots) == MOTE_OK);
    CHECK(mote_slots_write_end(&slots, wrong) == MOTE_ERROR_STATE);
    CHECK(mote_slots_write(&slots, contents[1], SLOT) == MOTE_OK);
    CHECK(mote_slots_write(&slots, contents[1], 1) == MOTE_ERROR_TOO_LARGE);
    CHECK(mote_slots_write_end(&slots, wrong) == MOTE_ERROR_RESULT);
    CHECK(serving_contents(&slots) == 0);
    flash.program_bytes = 3;
    CHECK(mote_slots_open(&slots, &flash) == MOTE_ERROR_GEOMETRY);
}

/* A stored root counts from the record that names it; a cut before leaves the one before. */
static void test_roots(void)
{
    static struct mote_slots slots;
    static const uint8_t ROOTS[2][100] = { { 1, 2, 3 }, { 4, 5, 6 } };
    uint8_t root[100];
    flash_reset(&flash, 8);
    CHECK(mote_slots_open(&slots, &flash) == MOTE_OK);
    CHECK(mote_slots_read_root(&slots, root, sizeof root) == MOTE_ERROR_EMPTY);
    CHECK(mote_slots_write_root(&slots, ROOTS[0], sizeof ROOTS[0]) == MOTE_OK);
    for (volatile long cut = 0;; cut++) {
        flash_budget = cut;
        if (setjmp(flash_power_cut) == 0) {
            CHECK(mote_slots_write_root(&slots, ROOTS[1], sizeof ROOTS[1]) == MOTE_OK);
            break;
        }
        flash_budget = -1;
        CHECK(mote_slots_open(&slots, &flash) == MOTE_OK);
        CHECK(mote_slots_read_root(&slots, root, sizeof root) == (int)sizeof root);
        CHECK(memcmp(root, ROOTS[0], sizeof root) == 0);
    }
    flash_budget = -1;
    CHECK(mote_slots_open(&slots, &flash) == MOTE_OK);
    CHECK(mote_slots_read_root(&slots, root, sizeof root) == (int)sizeof root);
    CHECK(memcmp(root, ROOTS[1], sizeof root) == 0);
    CHECK(mote_slots_read_root(&slots, root, sizeof root - 1u) == MOTE_ERROR_TOO_LARGE);
    CHECK(mote_slots_write_root(&slots, ROOTS[0], FLASH_ROOT - 3u) == MOTE_ERROR_TOO_LARGE);
    CHECK(flash_abused == 0);
}

int main(void)
{
    make_contents();
    for (flash.program_bytes = 1; flash.program_bytes <= 32; flash.program_bytes *= 8) {
        long whole = live(1L << 30, 2);
        CHECK(whole > 0);
        long cuts = 0;
        for (long cut = 0; cut < whole; cut++, cuts++) {
            (void)live(cut, 2);
        }
        (void)printf("slots, program unit %u B: power cut at each of %ld bytes\n", (unsigned)flash.program_bytes, cuts);
    }
    flash.program_bytes = 8;
    test_failing_flash();
    test_refusals();
    test_roots();
    return failures != 0;
}
