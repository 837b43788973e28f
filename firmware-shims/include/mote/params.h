/*
 * The head of params.bin, the parameters of a model that `mote compile` made: whether these bytes are for the code that
 * this firmware holds. The generated NAME_check() asks the same of parameters in place; this asks before they serve.
 *
 *   0  "MOTP"          magic
 *   4  u16             version of this format, 1
 *   6  u16             bytes of this header, 48
 *   8  u32             bytes of the whole blob
 *  12  u32             0, reserved
 *  16  32 bytes        architecture hash of the code that may read it
 */
#ifndef MOTE_PARAMS_H
#define MOTE_PARAMS_H

#include <stdint.h>

#include "mote/error.h"

#define MOTE_PARAMS_HEADER_BYTES 48u

/*
 * `length`: bytes of the whole blob. `architecture_hash`: 32 bytes, compiled into the firmware. MOTE_OK, MOTE_ERROR_FORMAT,
 * or MOTE_ERROR_ARCHITECTURE for parameters of other code.
 */
int mote_params_check(const uint8_t header[MOTE_PARAMS_HEADER_BYTES], uint32_t length, const uint8_t *architecture_hash);

#endif
