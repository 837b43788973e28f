/*
 * libFuzzer on the journal: flash holds whatever the input says, with records whose checksums are right, as no cut leaves
 * them but a fault of another program might. It must open, and nothing may be read or written beside what the geometry gives.
 */
#include <string.h>

#include "flash.h"
#include "mote/slots.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As slots.c has it. */
static void seal(uint8_t record[MOTE_RECORD_BYTES])
{
    uint32_t crc = 0xffffffffu;
    memcpy(record, "MJ2", 3);
    record[7] = 0; /* the sequence: no flash lives to see the end of its numbers */
    for (uint32_t i = 0; i < MOTE_RECORD_BYTES - 4u; i++) {
        crc ^= record[i];
        for (unsigned bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1u)));
        }
    }
    for (unsigned i = 0; i < 4; i++) {
        record[MOTE_RECORD_BYTES - 4u + i] = (uint8_t)(~crc >> (8u * i));
    }
}

/* Records of 96 bytes into the places of both journal pages, then the roots; a place whose first byte is 0xff stays blank. */
static void fill(const struct mote_flash *flash, const uint8_t *data, size_t size)
{
    for (unsigned place = 0; place < 4u && size > 0; place++) {
        uint8_t *record = flash_memory + flash->journal_address[place / 2u] + place % 2u * MOTE_RECORD_BYTES;
        size_t count = size < MOTE_RECORD_BYTES ? size : MOTE_RECORD_BYTES;
        if (data[0] != 0xff) {
            memcpy(record, data, count);
            seal(record);
        }
        data += count;
        size -= count;
    }
    size_t count = size < 2u * FLASH_ROOT ? size : 2u * FLASH_ROOT;
    memcpy(flash_memory + flash->root_address[0], data, count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mote_flash flash;
    static uint8_t root[512];
    struct mote_slots slots;
    flash_reset(&flash, 8);
    fill(&flash, data, size);
    must(mote_slots_open(&slots, &flash) == MOTE_OK);
    int serving = mote_slots_serving(&slots);
    must(serving == MOTE_ERROR_EMPTY || (serving < 2 && slots.slot[serving].length <= FLASH_SLOT));
    must(mote_slots_read_root(&slots, root, sizeof root) <= (int)sizeof root);
    (void)mote_slots_confirm(&slots);
    if (mote_slots_write_begin(&slots) == MOTE_OK) {
        static const uint8_t WRONG[MOTE_SHA256_BYTES] = { 0 };
        must(mote_slots_write(&slots, root, sizeof root) == MOTE_OK);
        must(mote_slots_write_end(&slots, WRONG) == MOTE_ERROR_RESULT);
    }
    must(mote_slots_write_root(&slots, root, sizeof root) == MOTE_OK);
    must(mote_slots_read_root(&slots, root, sizeof root) == (int)sizeof root);
    must(mote_slots_revert(&slots) == MOTE_OK && slots.state == MOTE_STATE_IDLE);
    /* What was stored last counts, whatever lay there before. */
    uint32_t sequence = slots.sequence;
    must(mote_slots_open(&slots, &flash) == MOTE_OK && slots.sequence == sequence && slots.state == MOTE_STATE_IDLE);
    must(flash_abused == 0);
    return 0;
}
