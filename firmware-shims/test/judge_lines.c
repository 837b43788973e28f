/*
 * Verdicts of the C reader for lines "release|root PINNED_ROOT ENVELOPE PRODUCT HARDWARE ARCHITECTURE FLOOR" (bytes in hex)
 * on stdin, as the protocol spells them: test/trust-thief-mcu.test.ts lets a thief try.
 */
#include <stdio.h>
#include <string.h>

#include "envelope_verdicts.h"
#include "mote/trust.h"

#define MAX_TEXT 20000

static uint32_t from_hex(const char *text, uint8_t *bytes)
{
    uint32_t count = 0;
    unsigned byte;
    while (sscanf(text + 2u * count, "%2x", &byte) == 1) {
        bytes[count++] = (uint8_t)byte;
    }
    return count;
}

int main(void)
{
    static const struct mote_verifier OWN = { mote_ed25519_verify, NULL };
    static char root_text[MAX_TEXT], envelope_text[MAX_TEXT];
    static uint8_t root[MAX_TEXT / 2], envelope[MAX_TEXT / 2], architecture[MAX_TEXT / 2];
    char kind[16], product[64], hardware[64], architecture_text[65];
    unsigned floor;
    while (scanf("%15s %19999s %19999s %63s %63s %64s %u", kind, root_text, envelope_text, product, hardware,
                 architecture_text, &floor) == 7) {
        struct mote_trust trust;
        struct mote_release release;
        uint32_t length = from_hex(envelope_text, envelope);
        (void)from_hex(architecture_text, architecture);
        const struct mote_question question = { product, hardware, architecture, 0 };
        int error = mote_trust_pin(&trust, &OWN, root, from_hex(root_text, root), floor, 0);
        if (error == MOTE_OK) {
            error = strcmp(kind, "root") == 0 ? mote_trust_rotate(&trust, envelope, length)
                                              : mote_trust_judge(&trust, envelope, length, &question, &release);
        }
        (void)puts(verdict_name(error));
    }
    return 0;
}
