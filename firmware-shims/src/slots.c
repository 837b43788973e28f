#include "mote/slots.h"

#include <stdbool.h>
#include <string.h>

/*
 * A record: "MJ2", state, sequence, active slot, root, two zeros, then each slot's length and digest, floor, time, CRC-32.
 * Little-endian.
 */
enum {
    AT_STATE = 3,
    AT_SEQUENCE = 4,
    AT_ACTIVE = 8,
    AT_ROOT = 9,
    AT_SLOT = 12,
    SLOT_RECORD_BYTES = 36,
    AT_FLOOR = 84,
    AT_TIME = 88,
    AT_CRC = 92,
};

/* A stored root: its length, then its bytes. */
enum { ROOT_HEAD_BYTES = 4 };

#define NO_SLOT MOTE_NO_SLOT

_Static_assert((int)AT_SLOT + 2 * (int)SLOT_RECORD_BYTES <= (int)AT_FLOOR, "a record must hold both slots");
_Static_assert(AT_CRC + 4 == MOTE_RECORD_BYTES, "the checksum ends the record");

static uint32_t load32(const uint8_t *bytes)
{
    return bytes[0] | ((uint32_t)bytes[1] << 8) | ((uint32_t)bytes[2] << 16) | ((uint32_t)bytes[3] << 24);
}

static void store32(uint8_t *bytes, uint32_t word)
{
    for (unsigned i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(word >> (8u * i));
    }
}

/* CRC-32 (ISO 3309), bit by bit: records are short and rare, tables are not free. */
static uint32_t checksum(const uint8_t *bytes, uint32_t length)
{
    uint32_t crc = 0xffffffffu;
    for (uint32_t i = 0; i < length; i++) {
        crc ^= bytes[i];
        for (unsigned bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1u)));
        }
    }
    return ~crc;
}

static bool is_valid(const uint8_t record[MOTE_RECORD_BYTES])
{
    return memcmp(record, "MJ2", 3) == 0 && record[AT_STATE] < MOTE_STATE_COUNT
           && (record[AT_ACTIVE] < 2u || record[AT_ACTIVE] == NO_SLOT)
           && (record[AT_ROOT] < 2u || record[AT_ROOT] == NO_SLOT)
           && checksum(record, AT_CRC) == load32(record + AT_CRC);
}

static bool is_blank(const uint8_t record[MOTE_RECORD_BYTES])
{
    for (uint32_t i = 0; i < MOTE_RECORD_BYTES; i++) {
        if (record[i] != 0xffu) {
            return false;
        }
    }
    return true;
}

static void take_record(struct mote_slots *slots, const uint8_t record[MOTE_RECORD_BYTES])
{
    slots->sequence = load32(record + AT_SEQUENCE);
    slots->state = record[AT_STATE];
    slots->active = record[AT_ACTIVE];
    slots->root = record[AT_ROOT];
    slots->floor = load32(record + AT_FLOOR);
    slots->time_s = load32(record + AT_TIME);
    for (uint32_t i = 0; i < 2; i++) {
        const uint8_t *slot = record + AT_SLOT + i * SLOT_RECORD_BYTES;
        uint32_t length = load32(slot);
        slots->slot[i].length = length <= slots->flash->slot_bytes ? length : 0;
        memcpy(slots->slot[i].sha256, slot + 4, MOTE_SHA256_BYTES);
    }
}

/* Where the next record of a page goes: behind the last place that is not blank, so that a torn record is passed over. */
static int find_room(struct mote_slots *slots)
{
    const struct mote_flash *flash = slots->flash;
    uint8_t record[MOTE_RECORD_BYTES];
    uint32_t places = flash->page_bytes / MOTE_RECORD_BYTES;
    slots->has_room = 0;
    for (uint32_t place = places; place-- > 0;) {
        uint32_t address = flash->journal_address[slots->page] + place * MOTE_RECORD_BYTES;
        if (flash->read(flash->context, address, record, sizeof record) != 0) {
            return MOTE_ERROR_PORT;
        }
        if (!is_blank(record)) {
            break;
        }
        slots->next_address = address;
        slots->has_room = 1;
    }
    return MOTE_OK;
}

static bool is_geometry_sound(const struct mote_flash *flash)
{
    uint32_t unit = flash->program_bytes;
    return unit >= 1u && unit <= 32u && (unit & (unit - 1u)) == 0 && flash->page_bytes >= 2u * MOTE_RECORD_BYTES
           && flash->page_bytes % unit == 0 && flash->slot_bytes % flash->page_bytes == 0
           && flash->root_bytes % flash->page_bytes == 0;
}

int mote_slots_open(struct mote_slots *slots, const struct mote_flash *flash)
{
    uint8_t record[MOTE_RECORD_BYTES];
    bool found = false;
    if (!is_geometry_sound(flash)) {
        return MOTE_ERROR_GEOMETRY;
    }
    memset(slots, 0, sizeof *slots);
    slots->flash = flash;
    slots->active = NO_SLOT;
    slots->root = NO_SLOT;
    slots->page = 1;
    for (uint8_t page = 0; page < 2; page++) {
        for (uint32_t at = 0; at + MOTE_RECORD_BYTES <= flash->page_bytes; at += MOTE_RECORD_BYTES) {
            if (flash->read(flash->context, flash->journal_address[page] + at, record, sizeof record) != 0) {
                return MOTE_ERROR_PORT;
            }
            if (is_valid(record) && (!found || load32(record + AT_SEQUENCE) > slots->sequence)) {
                take_record(slots, record);
                slots->page = page;
                found = true;
            }
        }
    }
    /* Without any record, page 1 counts as full: the first record erases page 0, whatever is in it. */
    return found ? find_room(slots) : MOTE_OK;
}

static int append_record(struct mote_slots *slots)
{
    const struct mote_flash *flash = slots->flash;
    uint8_t record[MOTE_RECORD_BYTES] = { 'M', 'J', '2' };
    record[AT_STATE] = slots->state;
    store32(record + AT_SEQUENCE, ++slots->sequence);
    record[AT_ACTIVE] = slots->active;
    record[AT_ROOT] = slots->root;
    store32(record + AT_FLOOR, slots->floor);
    store32(record + AT_TIME, slots->time_s);
    for (uint32_t i = 0; i < 2; i++) {
        uint8_t *slot = record + AT_SLOT + i * SLOT_RECORD_BYTES;
        store32(slot, slots->slot[i].length);
        memcpy(slot + 4, slots->slot[i].sha256, MOTE_SHA256_BYTES);
    }
    store32(record + AT_CRC, checksum(record, AT_CRC));
    uint8_t page = slots->page;
    uint32_t address = slots->next_address;
    if (!slots->has_room) {
        page ^= 1u;
        address = flash->journal_address[page];
        if (flash->erase(flash->context, address) != 0) {
            return MOTE_ERROR_PORT;
        }
    }
    int error = flash->program(flash->context, address, record, sizeof record) == 0 ? MOTE_OK : MOTE_ERROR_PORT;
    if (error == MOTE_OK || page == slots->page) {
        /* What failed may be there in part, so its place is passed over as a torn one is. */
        slots->page = page;
        slots->next_address = address + MOTE_RECORD_BYTES;
        slots->has_room = flash->journal_address[page] + flash->page_bytes - slots->next_address >= MOTE_RECORD_BYTES;
    } /* Otherwise the newest record is still in the page before, and the next try erases this one again. */
    return error;
}

unsigned mote_slots_spare(const struct mote_slots *slots)
{
    return slots->active == 0 ? 1u : 0u;
}

int mote_slots_serving(const struct mote_slots *slots)
{
    unsigned spare = mote_slots_spare(slots);
    bool is_spare = slots->state == MOTE_STATE_PROBATION || slots->state == MOTE_STATE_CONFIRMING;
    if (is_spare && slots->slot[spare].length > 0) {
        return (int)spare;
    }
    return slots->active < 2u && slots->slot[slots->active].length > 0 ? (int)slots->active : MOTE_ERROR_EMPTY;
}

int mote_slots_enter(struct mote_slots *slots, enum mote_update_state state)
{
    if ((unsigned)state >= MOTE_STATE_COUNT) {
        return MOTE_ERROR_STATE;
    }
    slots->state = (uint8_t)state;
    return append_record(slots);
}

int mote_slots_write_begin(struct mote_slots *slots)
{
    const struct mote_flash *flash = slots->flash;
    unsigned spare = mote_slots_spare(slots);
    if (slots->state == MOTE_STATE_PROBATION || slots->state == MOTE_STATE_CONFIRMING) {
        return MOTE_ERROR_STATE; /* the spare slot serves */
    }
    slots->written = 0;
    slots->pending = 0;
    if (slots->slot[spare].length > 0) {
        slots->slot[spare].length = 0;
        int error = append_record(slots);
        if (error != MOTE_OK) {
            return error;
        }
    }
    for (uint32_t at = 0; at < flash->slot_bytes; at += flash->page_bytes) {
        if (flash->erase(flash->context, flash->slot_address[spare] + at) != 0) {
            return MOTE_ERROR_PORT;
        }
    }
    return MOTE_OK;
}

/* Programs what waits in the buffer, which begins at `written - pending`. */
static int program_pending(struct mote_slots *slots)
{
    const struct mote_flash *flash = slots->flash;
    uint32_t unit = flash->program_bytes;
    uint32_t address = flash->slot_address[mote_slots_spare(slots)] + slots->written - slots->pending;
    memset(slots->buffer + slots->pending, 0xff, sizeof slots->buffer - slots->pending);
    slots->pending = 0;
    return flash->program(flash->context, address, slots->buffer, unit) == 0 ? MOTE_OK : MOTE_ERROR_PORT;
}

int mote_slots_write(struct mote_slots *slots, const uint8_t *bytes, uint32_t length)
{
    if (length > slots->flash->slot_bytes - slots->written) {
        return MOTE_ERROR_TOO_LARGE;
    }
    for (uint32_t i = 0; i < length; i++) {
        slots->buffer[slots->pending++] = bytes[i];
        slots->written++;
        if (slots->pending == slots->flash->program_bytes) {
            int error = program_pending(slots);
            if (error != MOTE_OK) {
                return error;
            }
        }
    }
    return MOTE_OK;
}

int mote_slots_read_back(const struct mote_slots *slots, uint32_t offset, uint8_t *bytes, uint32_t length)
{
    const struct mote_flash *flash = slots->flash;
    uint32_t programmed = slots->written - slots->pending;
    if (offset > slots->written || length > slots->written - offset) {
        return MOTE_ERROR_TOO_LARGE;
    }
    for (uint32_t i = 0; i < length;) {
        uint32_t at = offset + i;
        if (at >= programmed) {
            bytes[i++] = slots->buffer[at - programmed];
            continue;
        }
        uint32_t count = programmed - at < length - i ? programmed - at : length - i;
        uint32_t address = flash->slot_address[mote_slots_spare(slots)] + at;
        if (flash->read(flash->context, address, bytes + i, count) != 0) {
            return MOTE_ERROR_PORT;
        }
        i += count;
    }
    return MOTE_OK;
}

int mote_slots_write_end(struct mote_slots *slots, const uint8_t sha256[MOTE_SHA256_BYTES])
{
    struct mote_slot *slot = &slots->slot[mote_slots_spare(slots)];
    struct mote_sha256 sha;
    uint8_t bytes[MOTE_SHA256_BYTES];
    if (slots->written == 0) {
        return MOTE_ERROR_STATE;
    }
    if (slots->pending > 0 && program_pending(slots) != MOTE_OK) {
        return MOTE_ERROR_PORT;
    }
    mote_sha256_begin(&sha);
    for (uint32_t at = 0; at < slots->written;) {
        uint32_t count = slots->written - at < sizeof bytes ? slots->written - at : sizeof bytes;
        if (mote_slots_read_back(slots, at, bytes, count) != MOTE_OK) {
            return MOTE_ERROR_PORT;
        }
        mote_sha256_add(&sha, bytes, count);
        at += count;
    }
    mote_sha256_end(&sha, bytes);
    if (memcmp(bytes, sha256, sizeof bytes) != 0) {
        return MOTE_ERROR_RESULT;
    }
    slot->length = slots->written;
    memcpy(slot->sha256, sha256, MOTE_SHA256_BYTES);
    return append_record(slots);
}

int mote_slots_confirm(struct mote_slots *slots)
{
    unsigned spare = mote_slots_spare(slots);
    if (slots->state != MOTE_STATE_CONFIRMING || slots->slot[spare].length == 0) {
        return MOTE_ERROR_STATE;
    }
    slots->active = (uint8_t)spare;
    slots->state = MOTE_STATE_IDLE;
    return append_record(slots);
}

int mote_slots_revert(struct mote_slots *slots)
{
    slots->slot[mote_slots_spare(slots)].length = 0;
    slots->state = MOTE_STATE_IDLE;
    return append_record(slots);
}

int mote_slots_write_root(struct mote_slots *slots, const uint8_t *root, uint32_t length)
{
    const struct mote_flash *flash = slots->flash;
    uint8_t place = slots->root == 0 ? 1u : 0u;
    uint32_t address = flash->root_address[place];
    uint8_t unit[32];
    if (flash->root_bytes < ROOT_HEAD_BYTES || length > flash->root_bytes - ROOT_HEAD_BYTES) {
        return MOTE_ERROR_TOO_LARGE;
    }
    for (uint32_t at = 0; at < flash->root_bytes; at += flash->page_bytes) {
        if (flash->erase(flash->context, address + at) != 0) {
            return MOTE_ERROR_PORT;
        }
    }
    /* In units of 32 bytes, which every smaller one divides. */
    for (uint32_t at = 0; at < length + ROOT_HEAD_BYTES; at += sizeof unit) {
        for (uint32_t i = 0; i < sizeof unit; i++) {
            uint32_t byte = at + i;
            unit[i] = 0xffu;
            if (byte < ROOT_HEAD_BYTES) {
                unit[i] = (uint8_t)(length >> (8u * byte));
            } else if (byte - ROOT_HEAD_BYTES < length) {
                unit[i] = root[byte - ROOT_HEAD_BYTES];
            }
        }
        if (flash->program(flash->context, address + at, unit, sizeof unit) != 0) {
            return MOTE_ERROR_PORT;
        }
    }
    slots->root = place;
    return append_record(slots);
}

int mote_slots_read_root(const struct mote_slots *slots, uint8_t *root, uint32_t capacity)
{
    const struct mote_flash *flash = slots->flash;
    uint8_t head[ROOT_HEAD_BYTES];
    if (slots->root >= 2u) {
        return MOTE_ERROR_EMPTY;
    }
    uint32_t address = flash->root_address[slots->root];
    if (flash->read(flash->context, address, head, sizeof head) != 0) {
        return MOTE_ERROR_PORT;
    }
    uint32_t length = load32(head);
    if (length > capacity || length > flash->root_bytes - ROOT_HEAD_BYTES) {
        return MOTE_ERROR_TOO_LARGE;
    }
    return flash->read(flash->context, address + ROOT_HEAD_BYTES, root, length) == 0 ? (int)length : MOTE_ERROR_PORT;
}
