/* Whole updates on a Cortex-M4: the same story as on the host, the power cut at bytes all over it. */
#include <stddef.h>

#include "board.h"
#include "mote/device.h"
#include "update_story.h"

#define STRIDE 61

int main(void)
{
    uint32_t cuts = 0;
    board_paint_stack();
    int failed = story_refusals() != 0;
    uint32_t stack = board_stack_used();
    long whole = failed ? -1 : story_live(-1, 8);
    failed |= whole < 0;
    for (long cut = 0; cut < whole && !failed; cut += STRIDE, cuts++) {
        failed |= story_live(cut, 8) < 0;
    }
    board_print_number("powerCuts", cuts);
    board_print_number("deviceBytes", sizeof(struct mote_device));
    board_print_number("deviceStackBytes", stack);
    if (story_fault != NULL) {
        board_print(story_fault);
        board_print("\n");
    }
    board_print(failed ? "cortex-m4 device FAILED\n" : "cortex-m4 device passed\n");
    return failed;
}
