/* Verdicts of the C verifier for lines of "KEY SIGNATURE MESSAGE" in hex on stdin: test/firmware-shims.test.ts compares. */
#include <stdio.h>
#include <string.h>

#include "mote/ed25519.h"

/* Bytes of hex digits up to a blank or the end; `from` moves behind them. */
static uint32_t read_hex(const char **from, uint8_t *bytes, uint32_t capacity)
{
    uint32_t count = 0;
    unsigned byte;
    while (count < capacity && sscanf(*from, "%2x", &byte) == 1 && **from != ' ') {
        bytes[count++] = (uint8_t)byte;
        *from += 2;
    }
    *from += **from == ' ';
    return count;
}

int main(void)
{
    static char line[4096];
    static uint8_t key[MOTE_KEY_BYTES];
    static uint8_t signature[MOTE_SIGNATURE_BYTES];
    static uint8_t message[1024];
    while (fgets(line, sizeof line, stdin) != NULL) {
        const char *at = line;
        (void)read_hex(&at, key, sizeof key);
        (void)read_hex(&at, signature, sizeof signature);
        const struct mote_bytes piece = { message, read_hex(&at, message, sizeof message) };
        (void)puts(mote_ed25519_verify(NULL, key, &piece, 1, signature) == MOTE_OK ? "valid" : "refused");
    }
    return 0;
}
