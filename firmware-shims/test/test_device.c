/*
 * Whole updates on the shared vectors, with the power cut at every byte that is programmed or erased, or at every
 * n-th where the first argument says n.
 */
#include "check.h"
#include "update_story.h"

int main(int argc, char **argv)
{
    long stride = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
    CHECK(story_refusals() == 0);
    for (uint32_t unit = 1; unit <= 32; unit *= 8) {
        long whole = story_live(-1, unit);
        CHECK(whole > 0);
        for (long cut = 0; cut < whole; cut += stride) {
            if (story_live(cut, unit) < 0) {
                (void)fprintf(stderr, "cut at byte %ld, program unit %u\n", cut, (unsigned)unit);
                break;
            }
        }
        CHECK(story_fault == NULL);
        (void)printf("updates, program unit %u B: power cut at every %ld of %ld bytes\n", (unsigned)unit, stride, whole);
    }
    if (story_fault != NULL) {
        (void)fprintf(stderr, "not so: %s\n", story_fault);
    }
    return failures != 0;
}
