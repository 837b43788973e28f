/* The protocol's codes for what trust refuses, as protocol/vectors spell them. */
#ifndef MOTE_TEST_ENVELOPE_VERDICTS_H
#define MOTE_TEST_ENVELOPE_VERDICTS_H

#include "mote/error.h"

static const char *verdict_name(int error)
{
    switch (error) {
    case MOTE_OK:
        return "ok";
    case MOTE_ERROR_FORMAT:
        return "MOTE_TRUST_FORMAT";
    case MOTE_ERROR_SIGNATURE:
        return "MOTE_TRUST_SIGNATURE";
    case MOTE_ERROR_ROLLBACK:
        return "MOTE_TRUST_ROLLBACK";
    case MOTE_ERROR_EXPIRED:
        return "MOTE_TRUST_EXPIRED";
    case MOTE_ERROR_BELOW_FLOOR:
        return "MOTE_TRUST_BELOW_FLOOR";
    case MOTE_ERROR_WRONG_RELEASE:
        return "MOTE_TRUST_WRONG_RELEASE";
    case MOTE_ERROR_WRONG_HARDWARE:
        return "MOTE_TRUST_WRONG_HARDWARE";
    case MOTE_ERROR_ARCHITECTURE:
        return "MOTE_TRUST_WRONG_ARCHITECTURE";
    default:
        return "?";
    }
}

#endif
