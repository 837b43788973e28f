/* What a harness asserts: says which condition failed, then ends, so that libFuzzer keeps the input. */
#ifndef MOTE_FUZZ_MUST_H
#define MOTE_FUZZ_MUST_H

#include <stdio.h>
#include <stdlib.h>

#define must(condition)                                                                \
    do {                                                                               \
        if (!(condition)) {                                                            \
            (void)fprintf(stderr, "%s:%d: must %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                   \
        }                                                                              \
    } while (0)

#endif
