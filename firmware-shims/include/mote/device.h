/*
 * A whole update on a microcontroller: a signed envelope says what may come, a patch makes it in the spare slot, a trial
 * and a probation decide whether it stays. The board brings flash, network and its model; this file keeps the order in
 * which things may happen (update.h) and what must survive a power cut (slots.h).
 *
 *     mote_device_open(&device, &board)                           at every start
 *     serve from slot mote_slots_serving(&device.slots)
 *     ...
 *     mote_device_offer(&device, envelope, length, clock_s, &release)   it came: MOTE_OK, now fetch what it names
 *     mote_device_patch(&device, bytes, count)                    its pieces, as they come
 *     mote_device_patched(&device)                                MOTE_OK: run the golden vectors on the spare slot
 *     mote_device_tried(&device, passed)                          MOTE_OK: from now on the new parameters serve
 *     mote_device_settle(&device, healthy)                        after probation: kept, or the old ones are back
 *
 * The power may go at any byte: the next mote_device_open serves the old parameters or the new ones, whole, and says in
 * device.slots.state where things stand: TRYING and PROBATION go on there; from WAITING the release is offered anew.
 *
 * Memory: sizeof (struct mote_device), about 1.5 kB, and 1.5 kB of stack while signatures are verified.
 */
#ifndef MOTE_DEVICE_H
#define MOTE_DEVICE_H

#include <stdint.h>

#include "mote/patch.h"
#include "mote/slots.h"
#include "mote/trust.h"

/* What the board is. Everything it points to must stay. */
struct mote_board {
    const struct mote_flash *flash;
    const struct mote_verifier *verifier;
    /* Made with the firmware: counts until a later root is stored. */
    const uint8_t *root;
    uint32_t root_length;
    const char *product;
    const char *hardware;
    /* Of the model code in this firmware, 32 bytes. */
    const uint8_t *architecture_hash;
};

struct mote_device {
    const struct mote_board *board;
    struct mote_slots slots;
    struct mote_patch_port port;
    /* Of the release at hand. */
    uint32_t params_length;
    uint32_t sequence;
    uint8_t params_sha256[MOTE_SHA256_BYTES];
    /* A stored root while it judges, then the patch while it comes. */
    union {
        struct mote_patch patch;
        uint8_t root[sizeof(struct mote_patch)];
    } memory;
};

/* MOTE_OK, MOTE_ERROR_GEOMETRY or MOTE_ERROR_PORT. */
int mote_device_open(struct mote_device *device, const struct mote_board *board);

/*
 * Judges a release. After MOTE_OK what it raised (floor, time) is stored and the state is DOWNLOADING; `release` points
 * into the envelope and says by which digests the golden vectors count. Inputs that the board holds with that digest need
 * not come again. Refused: the error of mote_trust_judge, and the state is IDLE. MOTE_ERROR_STATE where a trial or
 * probation is under way.
 */
int mote_device_offer(struct mote_device *device, const uint8_t *envelope, uint32_t length, uint32_t clock_s,
                      struct mote_release *release);

/*
 * Judges the next root and stores it; MOTE_OK or the error of mote_trust_rotate. MOTE_ERROR_TOO_LARGE beyond root_bytes,
 * MOTE_ERROR_STATE while a patch comes. A release that was accepted and has not begun to come must be offered again.
 */
int mote_device_rotate_root(struct mote_device *device, const uint8_t *root, uint32_t length);

/* Takes the next bytes of the patch, against the confirmed slot. After an error the state is WAITING: offer it again. */
int mote_device_patch(struct mote_device *device, const uint8_t *bytes, uint32_t length);

/* The patch is complete. MOTE_OK: the spare slot holds what was signed, for this code; the state is TRYING. */
int mote_device_patched(struct mote_device *device);

/* The golden vectors on the spare slot: passed, it serves from now on, in probation; failed, it is forgotten. */
int mote_device_tried(struct mote_device *device, int passed);

/* The end of probation. */
int mote_device_settle(struct mote_device *device, int healthy);

#endif
