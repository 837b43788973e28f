/*
 * Simulated NOR flash: programming only clears bits, a cut erase leaves rubbish, and the power goes when the budget of
 * bytes is spent, by longjmp. A call may fail and the power stay.
 */
#ifndef MOTE_TEST_FLASH_H
#define MOTE_TEST_FLASH_H

#include <setjmp.h>

#include "mote/slots.h"

#define FLASH_PAGE 256u
#define FLASH_SLOT (4u * FLASH_PAGE)
#define FLASH_ROOT (4u * FLASH_PAGE)
#define FLASH_BYTES (2u * FLASH_SLOT + 2u * FLASH_PAGE + 2u * FLASH_ROOT)

extern uint8_t flash_memory[FLASH_BYTES];
/* Bytes programmed or erased until the power goes; negative: it stays. */
extern long flash_budget;
extern jmp_buf flash_power_cut;
/* Calls until one fails, with half of it done; 0: none does. */
extern unsigned flash_calls_left;
/* Set when somebody programmed what was not erased, or beside the flash. */
extern int flash_abused;

/* Blank flash; `program_bytes` as in struct mote_flash. */
void flash_reset(struct mote_flash *flash, uint32_t program_bytes);

#endif
