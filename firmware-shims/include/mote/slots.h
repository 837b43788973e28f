/*
 * Two slots for parameters and a journal that says which of them counts. A power cut at any byte leaves the old
 * contents serving or the new ones, whole, never a mixture.
 *
 * Flash layout, all on page boundaries: slot 0, slot 1, journal page 0, journal page 1, and two places for a root that
 * came after the firmware's own. The journal is a log of small records; the valid one with the highest sequence counts.
 * A record is appended in one program operation where the page still has room; otherwise the *other* page is erased
 * first, so that the newest record is never at risk. What trust must remember (floor, time, which root) is in the same
 * record, so that it changes together with the state or not at all.
 */
#ifndef MOTE_SLOTS_H
#define MOTE_SLOTS_H

#include <stdint.h>

#include "mote/error.h"
#include "mote/sha256.h"
#include "mote/update.h"

#define MOTE_RECORD_BYTES 96u
#define MOTE_NO_SLOT 0xffu

/* Each function returns 0, or any other number on failure. Addresses are the port's own, bytes from `address`. */
struct mote_flash {
    void *context;
    int (*read)(void *context, uint32_t address, uint8_t *bytes, uint32_t length);
    /* Programs erased bytes; address and length are multiples of program_bytes. */
    int (*program)(void *context, uint32_t address, const uint8_t *bytes, uint32_t length);
    /* Sets a page to 0xff. */
    int (*erase)(void *context, uint32_t address);
    uint32_t slot_address[2];
    uint32_t journal_address[2];
    /* Each of root_bytes. */
    uint32_t root_address[2];
    /* A multiple of page_bytes. */
    uint32_t slot_bytes;
    /* A multiple of page_bytes; 0 for a device that keeps the root of its firmware for ever. */
    uint32_t root_bytes;
    /* At least 2 * MOTE_RECORD_BYTES. */
    uint32_t page_bytes;
    /* 1, 2, 4, 8, 16 or 32. */
    uint32_t program_bytes;
};

struct mote_slot {
    /* 0 when the slot holds nothing that counts. */
    uint32_t length;
    uint8_t sha256[MOTE_SHA256_BYTES];
};

struct mote_slots {
    const struct mote_flash *flash;
    uint32_t sequence;
    uint32_t next_address; /* where the next record goes; 0 in `has_room` when the page is full */
    uint32_t written;      /* bytes of the spare slot */
    uint32_t floor;        /* of trust.h; stored by the next record */
    uint32_t time_s;
    uint8_t page;          /* journal page of the newest record */
    uint8_t has_room;
    uint8_t active;        /* confirmed slot */
    uint8_t state;         /* enum mote_update_state */
    uint8_t root;          /* place of the root that counts; MOTE_NO_SLOT for the firmware's own */
    uint8_t pending;       /* bytes in `buffer` */
    uint8_t buffer[32];
    struct mote_slot slot[2];
};

/* Reads the journal. MOTE_OK, also on blank flash: then nothing is active (mote_slots_serving is MOTE_ERROR_EMPTY). */
int mote_slots_open(struct mote_slots *slots, const struct mote_flash *flash);

/* Slot that inference runs from (the spare one in probation), or MOTE_ERROR_EMPTY. */
int mote_slots_serving(const struct mote_slots *slots);

/* Slot that an update writes. */
unsigned mote_slots_spare(const struct mote_slots *slots);

/* Persists a state; call it before the state's effect. */
int mote_slots_enter(struct mote_slots *slots, enum mote_update_state state);

/* Empties the spare slot: first in the journal, then in flash. */
int mote_slots_write_begin(struct mote_slots *slots);

/* Appends to the spare slot. */
int mote_slots_write(struct mote_slots *slots, const uint8_t *bytes, uint32_t length);

/* Reads from the spare slot what has been written, also what still waits for a whole program unit. */
int mote_slots_read_back(const struct mote_slots *slots, uint32_t offset, uint8_t *bytes, uint32_t length);

/* Checks the spare slot, as flash gives it back, against the *signed* digest, and journals it. */
int mote_slots_write_end(struct mote_slots *slots, const uint8_t sha256[MOTE_SHA256_BYTES]);

/* The spare slot becomes the confirmed one, and the state idle: one record, so all or nothing. */
int mote_slots_confirm(struct mote_slots *slots);

/* The spare slot is forgotten, and the state idle. */
int mote_slots_revert(struct mote_slots *slots);

/* Stores the root that counts from now on; the one before stays until this one is whole. */
int mote_slots_write_root(struct mote_slots *slots, const uint8_t *root, uint32_t length);

/* Bytes of the stored root, or MOTE_ERROR_EMPTY where the firmware's own counts, _TOO_LARGE beyond `capacity`. */
int mote_slots_read_root(const struct mote_slots *slots, uint8_t *root, uint32_t capacity);

#endif
