/** Start-up code with semihosting, and a linker script, for a Cortex-M without any vendor library. */

export const BARE_METAL_STARTUP = `/* Start-up for a Cortex-M without a vendor library: vectors, .data and .bss, FPU; files through semihosting. */
#include <stdint.h>
#include <string.h>

extern uint32_t __stack_top, __data_start, __data_end, __data_load, __bss_start, __bss_end;
int main(void);
void Reset_Handler(void);
void semihost_exit(int code);
int semihost_open(const char *name, int mode);
uint32_t semihost_read(int file, void *to, uint32_t bytes);
void semihost_write(int file, const void *from, uint32_t bytes);
void semihost_close(int file);

static uint32_t semihost(uint32_t operation, const void *arguments) {
    register uint32_t r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = arguments;
    __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void semihost_exit(int code) {
    const uint32_t arguments[2] = {0x20026u, (uint32_t)code};
    (void)semihost(0x20u, arguments);
    for (;;) {
    }
}

int semihost_open(const char *name, int mode) {
    const uint32_t arguments[3] = {(uint32_t)(uintptr_t)name, (uint32_t)mode, (uint32_t)strlen(name)};
    return (int)semihost(0x01u, arguments);
}

uint32_t semihost_read(int file, void *to, uint32_t bytes) {
    const uint32_t arguments[3] = {(uint32_t)file, (uint32_t)(uintptr_t)to, bytes};
    return bytes - semihost(0x06u, arguments);
}

void semihost_write(int file, const void *from, uint32_t bytes) {
    const uint32_t arguments[3] = {(uint32_t)file, (uint32_t)(uintptr_t)from, bytes};
    (void)semihost(0x05u, arguments);
}

void semihost_close(int file) {
    const uint32_t arguments[1] = {(uint32_t)file};
    (void)semihost(0x02u, arguments);
}

static void fault(void) {
    semihost_exit(99);
}

__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))(uintptr_t)&__stack_top, Reset_Handler, fault, fault, fault, fault, fault};

void Reset_Handler(void) {
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    *(volatile uint32_t *)UINT32_C(0xE000ED88) |= UINT32_C(0xF) << 20; /* CPACR: FPU and Helium on */
    __asm volatile("dsb\\n isb");
#endif
    uint32_t *from = &__data_load;
    for (uint32_t *to = &__data_start; to < &__data_end;) {
        *to++ = *from++;
    }
    for (uint32_t *to = &__bss_start; to < &__bss_end;) {
        *to++ = 0;
    }
    semihost_exit(main());
}
`;

export const BARE_METAL_LINKER = (flash: string, ram: string): string => `ENTRY(Reset_Handler)
MEMORY {
    FLASH (rx) : ORIGIN = 0x00000000, LENGTH = ${flash}
    RAM (rwx) : ORIGIN = 0x20000000, LENGTH = ${ram}
}
SECTIONS {
    .text : { KEEP(*(.vectors)) *(.text*) . = ALIGN(4); } > FLASH
    .rodata : { *(.rodata*) . = ALIGN(4); } > FLASH
    .ARM.exidx : { *(.ARM.exidx*) } > FLASH
    .data : { __data_start = .; *(.data*) . = ALIGN(4); __data_end = .; } > RAM AT> FLASH
    __data_load = LOADADDR(.data);
    .bss (NOLOAD) : { __bss_start = .; *(.bss*) *(COMMON) . = ALIGN(8); __bss_end = .; end = .; } > RAM
    .stack (NOLOAD) : { . = ALIGN(8); __stack_bottom = .; . += 0x4000; __stack_top = .; } > RAM
}
`;
