#include "flash.h"

#include <string.h>

uint8_t flash_memory[FLASH_BYTES];
long flash_budget = -1;
jmp_buf flash_power_cut;
unsigned flash_calls_left;
int flash_abused;

static uint32_t noise = 1;

static void spend(void)
{
    if (flash_budget >= 0 && flash_budget-- == 0) {
        longjmp(flash_power_cut, 1);
    }
}

static int fails(void)
{
    return flash_calls_left > 0 && --flash_calls_left == 0;
}

static int flash_read(void *context, uint32_t address, uint8_t *bytes, uint32_t length)
{
    (void)context;
    if (address > FLASH_BYTES || length > FLASH_BYTES - address) {
        flash_abused = 1;
        return -1;
    }
    memcpy(bytes, flash_memory + address, length);
    return fails();
}

static int flash_program(void *context, uint32_t address, const uint8_t *bytes, uint32_t length)
{
    const struct mote_flash *flash = context;
    if (address % flash->program_bytes != 0 || length % flash->program_bytes != 0 || address > FLASH_BYTES
        || length > FLASH_BYTES - address) {
        flash_abused = 1;
        return -1;
    }
    int has_failed = fails();
    uint32_t done = has_failed ? length / 2u : length;
    for (uint32_t i = 0; i < done; i++) {
        spend();
        if ((flash_memory[address + i] & bytes[i]) != bytes[i]) {
            flash_abused = 1;
        }
        flash_memory[address + i] &= bytes[i];
    }
    return has_failed;
}

static int flash_erase(void *context, uint32_t address)
{
    (void)context;
    if (address % FLASH_PAGE != 0 || address >= FLASH_BYTES) {
        flash_abused = 1;
        return -1;
    }
    for (uint32_t i = 0; i < FLASH_PAGE; i++) {
        noise = noise * 1664525u + 1013904223u;
        flash_memory[address + i] = (uint8_t)(noise >> 24);
    }
    int has_failed = fails();
    uint32_t done = has_failed ? FLASH_PAGE / 2u : FLASH_PAGE;
    for (uint32_t i = 0; i < done; i++) {
        spend();
        flash_memory[address + i] = 0xff;
    }
    return has_failed;
}

void flash_reset(struct mote_flash *flash, uint32_t program_bytes)
{
    memset(flash_memory, 0xff, sizeof flash_memory);
    flash_budget = -1;
    flash_calls_left = 0;
    flash_abused = 0;
    *flash = (struct mote_flash){ .context = flash,
                                  .read = flash_read,
                                  .program = flash_program,
                                  .erase = flash_erase,
                                  .slot_address = { 0, FLASH_SLOT },
                                  .journal_address = { 2u * FLASH_SLOT, 2u * FLASH_SLOT + FLASH_PAGE },
                                  .root_address = { 2u * FLASH_SLOT + 2u * FLASH_PAGE,
                                                    2u * FLASH_SLOT + 2u * FLASH_PAGE + FLASH_ROOT },
                                  .slot_bytes = FLASH_SLOT,
                                  .root_bytes = FLASH_ROOT,
                                  .page_bytes = FLASH_PAGE,
                                  .program_bytes = program_bytes };
}
