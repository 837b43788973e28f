/* What a test needs of the emulated board: text out, an exit code, a count of instructions, the depth of the stack. */
#ifndef MOTE_QEMU_BOARD_H
#define MOTE_QEMU_BOARD_H

#include <stdint.h>

void board_print(const char *text);
void board_print_number(const char *name, uint32_t value);
/* Ends the emulation; 0 is success. */
_Noreturn void board_exit(int code);
/* Paints the free stack; board_stack_used() sees how deep it went since, in bytes below the function that painted. */
void board_paint_stack(void);
uint32_t board_stack_used(void);
/* With -icount shift=0 an instruction takes 1 ns and the timer runs at 25 MHz: a tick is 40 instructions. */
void board_start_timer(void);
uint32_t board_instructions(void);

#endif
