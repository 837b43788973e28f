/* The smallest test frame that names what failed and goes on. */
#ifndef MOTE_TEST_CHECK_H
#define MOTE_TEST_CHECK_H

#include <stdio.h>
#include <stdlib.h>

static int failures;

#define CHECK(condition)                                                                   \
    do {                                                                                   \
        if (!(condition)) {                                                                \
            (void)fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);  \
            if (++failures > 20) {                                                         \
                exit(1);                                                                   \
            }                                                                              \
        }                                                                                  \
    } while (0)

#endif
