import type { CoreBuild } from "../../targets/cores.js";
import { CORE_BUILDS } from "../../targets/cores.js";
import type { Target } from "../../targets/target.js";
import { BARE_METAL_LINKER, BARE_METAL_STARTUP } from "./bare-metal.js";
import { type ModelText, ports } from "./model.js";

/** RAM and flash that the emulators' boards have; a real part's linker script says its own. */
const EMULATED_FLASH = "4M";
const EMULATED_RAM = "4M";

/** A program around the model that builds as it is: for the host, or for bare metal with semihosting. */
export function exampleFiles(model: ModelText, target: Target): [string, string][] {
  const build = CORE_BUILDS[target.core];
  if (build === undefined) return [];
  if (target.core === "host")
    return [
      ["example/main.c", hostMain(model)],
      ["example/Makefile", hostMakefile(model)],
    ];
  if (build.emulator === undefined) return [];
  return [
    ["example/main.c", bareMetalMain(model)],
    ["example/params.S", paramsAssembly(model)],
    ["example/startup.c", BARE_METAL_STARTUP],
    ["example/board.ld", BARE_METAL_LINKER(EMULATED_FLASH, EMULATED_RAM)],
    ["example/Makefile", bareMetalMakefile(model, build)],
  ];
}

function hostMain(model: ModelText): string {
  const { identifier: id } = model;
  const up = id.toUpperCase();
  const { inputs, outputs } = ports(model);
  return `/* ${id} PARAMS INPUT OUTPUT: raw int8 in, raw int8 out; several inputs or outputs one after the other, several samples
 * after each other. */
#include <stdio.h>
#include <stdlib.h>
#include "${id}.h"

static _Alignas(8) uint8_t arena[${up}_ARENA_BYTES];
static _Alignas(8) uint8_t params[${up}_PARAMS_BYTES + 1];

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: %s params.bin input.bin output.bin\\n", argv[0]);
        return 2;
    }
    FILE *file = fopen(argv[1], "rb");
    const size_t bytes = file == NULL ? 0 : fread(params, 1, sizeof params, file);
    if (file != NULL) {
        fclose(file);
    }
    const int verdict = ${id}_check(params, bytes);
    if (verdict != ${up}_OK) {
        fprintf(stderr, "%s: not the parameters of this model (%d)\\n", argv[1], verdict);
        return 3;
    }
    FILE *in = fopen(argv[2], "rb");
    FILE *out = fopen(argv[3], "wb");
    if (in == NULL || out == NULL) {
        perror(in == NULL ? argv[2] : argv[3]);
        return 2;
    }
    while (${inputs
      .map(
        ({ accessor }) =>
          `fread(${id}_${accessor}(arena), ${up}_${accessor.toUpperCase()}_BYTES, 1, in) == 1`,
      )
      .join(" &&\n           ")}) {
        ${id}_run(params, arena);
${outputs
  .map(
    ({ accessor }) =>
      `        if (fwrite(${id}_${accessor}(arena), ${up}_${accessor.toUpperCase()}_BYTES, 1, out) != 1) {
            perror(argv[3]);
            return 1;
        }`,
  )
  .join("\n")}
    }
    fclose(in);
    return fclose(out) == 0 ? 0 : 1;
}
`;
}

const WARNINGS = "-std=c11 -Wall -Wextra -Werror -Wconversion";

function hostMakefile({ identifier: id }: ModelText): string {
  return `# make, make run, make sanitize
CC ?= cc
CFLAGS ?= -O2
CFLAGS += ${WARNINGS} -I..

${id}: main.c ../${id}.c ../${id}.h
	$(CC) $(CFLAGS) main.c ../${id}.c -o $@

.PHONY: run sanitize clean
run: ${id}
	./${id} ../params.bin $(INPUT) output.bin

sanitize: CFLAGS += -g -fsanitize=address,undefined -fno-sanitize-recover=all
sanitize: clean ${id}

clean:
	rm -f ${id} output.bin
`;
}

function bareMetalMain(model: ModelText): string {
  const { identifier: id } = model;
  const up = id.toUpperCase();
  const { inputs, outputs } = ports(model);
  return `/* Reads input.bin and writes output.bin through semihosting, so that an emulator or a debugger can feed it. On a board,
 * replace the file calls by your sensor and what acts on the result. */
#include "${id}.h"

extern const uint8_t mote_params[], mote_params_end[];
void semihost_exit(int code);
int semihost_open(const char *name, int mode);
uint32_t semihost_read(int file, void *to, uint32_t bytes);
void semihost_write(int file, const void *from, uint32_t bytes);
void semihost_close(int file);

static _Alignas(8) uint8_t arena[${up}_ARENA_BYTES];

/* Instruction counters start and stop here. */
__attribute__((noinline)) void mote_begin(void) { __asm volatile("nop"); }
__attribute__((noinline)) void mote_end(void) { __asm volatile("nop"); }

extern uint32_t __stack_bottom;

/* Stack that the first run took: bytes below this frame that no longer hold the paint. */
static uint32_t run_and_measure_stack(void) {
    uintptr_t here;
    __asm volatile("mov %0, sp" : "=r"(here));
    volatile uint32_t *const floor = &__stack_bottom;
    for (volatile uint32_t *word = floor; (uintptr_t)word < here; word++) {
        *word = UINT32_C(0xA5A5A5A5);
    }
    mote_begin();
    ${id}_run(mote_params, arena);
    mote_end();
    volatile uint32_t *word = floor;
    while (*word == UINT32_C(0xA5A5A5A5)) {
        word++;
    }
    return (uint32_t)(here - (uintptr_t)word);
}

int main(void) {
    if (${id}_check(mote_params, (size_t)(mote_params_end - mote_params)) != ${up}_OK) {
        return 3;
    }
    const int in = semihost_open("input.bin", 1);
    const int out = semihost_open("output.bin", 5);
    if (in < 0 || out < 0) {
        return 2;
    }
    uint32_t stack = 0;
    while (${inputs
      .map(
        ({ accessor }) =>
          `semihost_read(in, ${id}_${accessor}(arena), ${up}_${accessor.toUpperCase()}_BYTES) == ${up}_${accessor.toUpperCase()}_BYTES`,
      )
      .join(" &&\n           ")}) {
        const uint32_t used = run_and_measure_stack();
        stack = used > stack ? used : stack;
${outputs.map(({ accessor }) => `        semihost_write(out, ${id}_${accessor}(arena), ${up}_${accessor.toUpperCase()}_BYTES);`).join("\n")}
    }
    semihost_close(out);
    const int report = semihost_open("stack.bin", 5);
    semihost_write(report, &stack, sizeof stack);
    semihost_close(report);
    return 0;
}
`;
}

function paramsAssembly({ target }: ModelText): string {
  return `/* The parameter blob in flash (${target}). On a device that takes updates, a slot that the updater writes. */
    .syntax unified
    .section .rodata.mote_params, "a"
    .balign 16
    .global mote_params
    .global mote_params_end
mote_params:
    .incbin "../params.bin"
mote_params_end:
`;
}

function bareMetalMakefile({ identifier: id }: ModelText, build: CoreBuild): string {
  return `# make: ${id}.elf; make run: in the emulator, with input.bin in this folder
CC = ${build.compiler}
CFLAGS ?= -O2
CFLAGS += ${build.flags.join(" ")} ${WARNINGS} -ffunction-sections -fdata-sections -I..
LDFLAGS = -nostartfiles -T board.ld -Wl,--gc-sections --specs=nano.specs --specs=nosys.specs

${id}.elf: main.c startup.c params.S board.ld ../params.bin $(wildcard ../*.c ../*.S) ../${id}.h
	$(CC) $(CFLAGS) $(LDFLAGS) main.c startup.c params.S $(wildcard ../*.c ../*.S) -o $@

.PHONY: run clean
run: ${id}.elf
	${build.emulator?.program ?? "qemu-system-arm"} -M ${build.emulator?.machine ?? "mps2-an386"} -nographic -monitor none -serial none \\
	  -semihosting-config enable=on,target=native -kernel ${id}.elf

clean:
	rm -f ${id}.elf output.bin stack.bin
`;
}
