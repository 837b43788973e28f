/*
 * A device's life on the shared vectors, from blank flash over three releases and a change of keys, driven by what its
 * flash says alone: it can be begun again after any power cut. The same story on the host and on the emulated Cortex-M4.
 */
#ifndef MOTE_TEST_UPDATE_STORY_H
#define MOTE_TEST_UPDATE_STORY_H

#include <stdint.h>

/*
 * Lives it with the power cut once `cut` bytes of flash are programmed or erased (never where `cut` is negative), and
 * then to its end. Returns the bytes that it spent, or -1 where anything was not as it must be; `story_fault` says what.
 */
long story_live(long cut, uint32_t program_bytes);

/* What trust and the parameters' own header refuse in the middle of the story. 0 or -1, as above. */
int story_refusals(void);

extern const char *story_fault;

#endif
