/* The shared vectors on a Cortex-M4: the same bytes, and what they cost. */
#include <string.h>

#include "board.h"
#include "memory_port.h"

#define FILES(name)                                                                        \
    extern const uint8_t name##_base[], name##_base_end[], name##_result[], name##_result_end[], name##_patch[], \
        name##_patch_end[]

FILES(operations);
FILES(tensor);
FILES(full);

static uint8_t output[8192];
static struct mote_patch decoder;

static int run(const char *name, const uint8_t *base, uint32_t base_length, const uint8_t *result,
               uint32_t result_length, const uint8_t *patch, uint32_t patch_length)
{
    struct memory memory = { .base = base,
                             .base_length = base_length,
                             .result = output,
                             .capacity = sizeof output,
                             .calls_left = -1 };
    struct mote_patch_port port = memory_port(&memory);
    board_paint_stack();
    board_start_timer();
    mote_patch_begin(&decoder, &port);
    int error = mote_patch_push(&decoder, patch, patch_length);
    error = error == MOTE_OK ? mote_patch_finish(&decoder) : error;
    uint32_t instructions = board_instructions();
    uint32_t stack = board_stack_used();
    board_print(name);
    board_print("\n");
    board_print_number("  resultBytes", result_length);
    board_print_number("  instructionsPerByte", instructions / result_length);
    board_print_number("  stackBytes", stack);
    return error == MOTE_OK && memory.written == result_length && memcmp(output, result, result_length) == 0 ? 0 : 1;
}

#define LENGTH(name) ((uint32_t)(name##_end - name))
#define RUN(name)                                                                                              \
    run(#name, name##_base, LENGTH(name##_base), name##_result, LENGTH(name##_result), name##_patch, \
        LENGTH(name##_patch))

int main(void)
{
    int failed = RUN(operations) + RUN(tensor) + RUN(full);
    board_print_number("stateBytes", sizeof decoder);
    board_print(failed == 0 ? "cortex-m4 tests passed\n" : "cortex-m4 tests FAILED\n");
    return failed;
}
