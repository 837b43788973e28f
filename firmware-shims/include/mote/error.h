/*
 * Everything that can go wrong, as one negative number. 0 is success everywhere.
 */
#ifndef MOTE_ERROR_H
#define MOTE_ERROR_H

enum mote_error {
    MOTE_OK = 0,
    /* Bytes break the grammar of what they claim to be, or have an unknown version. */
    MOTE_ERROR_FORMAT = -1,
    /* Bytes end before they are complete. */
    MOTE_ERROR_TRUNCATED = -2,
    /* A length is beyond the limit that the caller gave, or beyond the slot. */
    MOTE_ERROR_TOO_LARGE = -3,
    /* A patch was made for another base. */
    MOTE_ERROR_BASE = -4,
    /* What was made does not have the digest that was named. */
    MOTE_ERROR_RESULT = -5,
    /* A function of the port failed: flash, network. */
    MOTE_ERROR_PORT = -6,
    /* A function was called in a state in which it has no meaning. */
    MOTE_ERROR_STATE = -7,
    /* Parameters are for other generated code. */
    MOTE_ERROR_ARCHITECTURE = -8,
    /* No slot holds anything that may be run. */
    MOTE_ERROR_EMPTY = -9,
    /* Geometry in a port breaks its constraints. */
    MOTE_ERROR_GEOMETRY = -10,
    /* Fewer valid signatures than the threshold asks. */
    MOTE_ERROR_SIGNATURE = -11,
    /* A root that is not the next one. */
    MOTE_ERROR_ROLLBACK = -12,
    /* Signed time, or the clock, has passed what was signed. */
    MOTE_ERROR_EXPIRED = -13,
    /* A release below the signed floor: retired for good. */
    MOTE_ERROR_BELOW_FLOOR = -14,
    /* A release of another product. */
    MOTE_ERROR_WRONG_RELEASE = -15,
    /* A release for another hardware class. */
    MOTE_ERROR_WRONG_HARDWARE = -16,
};

#endif
