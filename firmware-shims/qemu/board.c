#include "board.h"

extern uint32_t data_start, data_end, data_load, bss_start, bss_end, stack_bottom, stack_top;

int main(void);
void reset(void);

#define PAINT 0xc5c5c5c5u

/* Arm's semihosting: operation in r0, its argument in r1. */
static int semihost(int operation, const void *argument)
{
    register int r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = argument;
    __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void board_print(const char *text)
{
    (void)semihost(0x04, text); /* SYS_WRITE0 */
}

void board_print_number(const char *name, uint32_t value)
{
    char digits[12];
    char *at = digits + sizeof digits;
    *--at = '\0';
    *--at = '\n';
    do {
        *--at = (char)('0' + value % 10u);
        value /= 10u;
    } while (value != 0);
    board_print(name);
    board_print("=");
    board_print(at);
}

_Noreturn void board_exit(int code)
{
    uint32_t arguments[2] = { 0x20026, (uint32_t)code }; /* ADP_Stopped_ApplicationExit */
    (void)semihost(0x20, arguments);                     /* SYS_EXIT_EXTENDED */
    for (;;) {
    }
}

static uintptr_t painted;

/* A leaf that needs no stack: its stack pointer is its caller's. */
__attribute__((noinline)) void board_paint_stack(void)
{
    __asm volatile("mov %0, sp" : "=r"(painted));
    for (uint32_t *word = &stack_bottom; (uintptr_t)word < painted; word++) {
        *word = PAINT;
    }
}

uint32_t board_stack_used(void)
{
    const uint32_t *word = &stack_bottom;
    while ((uintptr_t)word < painted && *word == PAINT) {
        word++;
    }
    return (uint32_t)(painted - (uintptr_t)word);
}

#define SYSTICK ((volatile uint32_t *)0xe000e010u)

void board_start_timer(void)
{
    SYSTICK[1] = 0xffffffu;
    SYSTICK[2] = 0;
    SYSTICK[0] = 5;
}

uint32_t board_instructions(void)
{
    return (0xffffffu - SYSTICK[2]) * 40u;
}

static void fault(void)
{
    board_exit(99);
}

__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void)) & stack_top, reset, fault, fault, fault, fault, fault,
};

void reset(void)
{
    *(volatile uint32_t *)0xe000ed88u |= 0xfu << 20; /* CPACR: the floating-point unit */
    __asm volatile("dsb\n isb");
    for (uint32_t *to = &data_start, *from = &data_load; to < &data_end;) {
        *to++ = *from++;
    }
    for (uint32_t *to = &bss_start; to < &bss_end;) {
        *to++ = 0;
    }
    board_exit(main());
}
