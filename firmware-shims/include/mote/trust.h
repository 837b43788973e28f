/*
 * Trust on a microcontroller: signed envelopes (COSE_Sign, RFC 9052, in deterministic CBOR) with as many Ed25519
 * signatures as a threshold asks. A *root* envelope names the keys; a *release* envelope names the parameters that a
 * device may take. They say what TUF's root and targets say, by the same people's keys, and are judged as
 * protocol/src/trust/envelope.ts judges them, case by case (protocol/vectors/envelope_vectors.h).
 *
 *     mote_trust_pin(&trust, &verifier, root, root_length, floor, time_s);
 *     error = mote_trust_judge(&trust, envelope, length, &question, &release);
 *     if (error == MOTE_OK) persist trust.floor and trust.time_s; then fetch the patch
 *
 * Envelopes are untrusted input. Nothing is allocated and nothing copied: results point into the envelopes, which the
 * caller keeps. About 400 bytes of stack beside the verifier's.
 */
#ifndef MOTE_TRUST_H
#define MOTE_TRUST_H

#include <stdint.h>

#include "mote/ed25519.h"
#include "mote/error.h"
#include "mote/sha256.h"

/* Bytes; an envelope beyond is refused unread. One release by two people is 403 to 485. */
#define MOTE_ENVELOPE_MAX_BYTES 4096u
/* Of either role, and signatures of one envelope. */
#define MOTE_TRUST_MAX_KEYS 8u

struct mote_keys {
    const uint8_t *first; /* 32 bytes; the next ones follow MOTE_KEY_STRIDE bytes apart */
    uint8_t count;
    uint8_t threshold;
};
#define MOTE_KEY_STRIDE 34u

struct mote_trust {
    const struct mote_verifier *verifier;
    struct mote_keys root_keys;
    struct mote_keys release_keys;
    uint32_t root_version;
    uint32_t root_expires_s;
    /* To be persisted whenever they change, before the release counts that changed them. */
    uint32_t floor;  /* highest signed floor seen */
    uint32_t time_s; /* greatest signed time seen, seconds since 1970 */
};

/* What the device is. */
struct mote_question {
    const char *product;
    const char *hardware;
    /* Compiled into the firmware (32 bytes). */
    const uint8_t *architecture_hash;
    /* Seconds since 1970, or 0 for a device without a clock: it learns the time from what is signed. */
    uint32_t clock_s;
};

/* Pointers go into the envelope; digests are 32 bytes. */
struct mote_release {
    uint32_t sequence;
    uint32_t floor;
    uint32_t params_length;
    uint32_t golden_inputs_length;
    uint32_t golden_outputs_length;
    uint32_t issued_s;
    uint32_t expires_s;
    const uint8_t *params_sha256;
    /* The tensors one after another. Inputs mostly stay from release to release: fetch them only where these differ. */
    const uint8_t *golden_inputs_sha256;
    const uint8_t *golden_outputs_sha256;
    const uint8_t *manifest_sha256;
    struct mote_bytes version; /* printable ASCII, not terminated */
};

/*
 * Takes a root on possession: the one that the firmware was made with, or one that mote_trust_rotate has accepted and the
 * device has stored since. `root` must stay where it is. MOTE_OK or MOTE_ERROR_FORMAT.
 */
int mote_trust_pin(struct mote_trust *trust, const struct mote_verifier *verifier, const uint8_t *root, uint32_t length,
                   uint32_t floor, uint32_t time_s);

/*
 * The next root: signed by the thresholds of the root before and of itself, exactly one version on. After MOTE_OK `trust`
 * points into `root`; store it before anything is judged by it. Otherwise `trust` is as it was, and the error is
 * MOTE_ERROR_FORMAT, _SIGNATURE or _ROLLBACK.
 */
int mote_trust_rotate(struct mote_trust *trust, const uint8_t *root, uint32_t length);

/*
 * May this device take this release? MOTE_OK raises `floor` and `time_s` in `trust`. Otherwise `trust` is as it was, and
 * the error, first cause first: MOTE_ERROR_FORMAT, _SIGNATURE, _EXPIRED, _WRONG_RELEASE, _BELOW_FLOOR, _WRONG_HARDWARE,
 * _ARCHITECTURE.
 */
int mote_trust_judge(struct mote_trust *trust, const uint8_t *envelope, uint32_t length,
                     const struct mote_question *question, struct mote_release *release);

#endif
