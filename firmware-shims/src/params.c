#include "mote/params.h"

#include <string.h>

int mote_params_check(const uint8_t header[MOTE_PARAMS_HEADER_BYTES], uint32_t length, const uint8_t *architecture_hash)
{
    static const uint8_t START[8] = { 'M', 'O', 'T', 'P', 1, 0, MOTE_PARAMS_HEADER_BYTES, 0 };
    uint32_t claimed = header[8] | ((uint32_t)header[9] << 8) | ((uint32_t)header[10] << 16) | ((uint32_t)header[11] << 24);
    if (length < MOTE_PARAMS_HEADER_BYTES || memcmp(header, START, sizeof START) != 0 || claimed != length) {
        return MOTE_ERROR_FORMAT;
    }
    return memcmp(header + 16, architecture_hash, 32) == 0 ? MOTE_OK : MOTE_ERROR_ARCHITECTURE;
}
