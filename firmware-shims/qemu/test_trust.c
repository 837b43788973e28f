/* The shared signatures and envelopes on a Cortex-M4: the same verdicts as on the host and in TypeScript. */
#include <string.h>

#include "board.h"
#include "mote/trust.h"

#include "ed25519_vectors.h"
#include "envelope_verdicts.h"
#include "envelope_vectors.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int run_signatures(void)
{
    int failed = 0;
    for (unsigned i = 0; i < COUNT(mote_ed25519_vectors); i++) {
        const struct mote_ed25519_vector *v = &mote_ed25519_vectors[i];
        const struct mote_bytes message = { v->bytes + 96, v->message_length };
        if ((mote_ed25519_verify(NULL, v->bytes, &message, 1, v->bytes + 32) == MOTE_OK) != (v->is_valid != 0)) {
            board_print(v->name);
            board_print(": another verdict\n");
            failed++;
        }
    }
    return failed;
}

static int run_envelopes(void)
{
    static const struct mote_verifier OWN = { mote_ed25519_verify, NULL };
    int failed = 0;
    for (unsigned i = 0; i < COUNT(mote_envelope_vectors); i++) {
        const struct mote_envelope_vector *v = &mote_envelope_vectors[i];
        const struct mote_question question = { MOTE_VECTOR_PRODUCT, MOTE_VECTOR_HARDWARE, mote_vector_architecture,
                                                v->clock_s };
        const uint32_t length = (uint32_t)v->envelope_length;
        struct mote_trust trust;
        struct mote_release release;
        int error = mote_trust_pin(&trust, &OWN, v->root, (uint32_t)v->root_length, v->floor, v->time_s);
        if (error == MOTE_OK) {
            error = v->is_root ? mote_trust_rotate(&trust, v->envelope, length)
                               : mote_trust_judge(&trust, v->envelope, length, &question, &release);
        }
        if (strcmp(verdict_name(error), v->verdict) != 0) {
            board_print(v->name);
            board_print(": another verdict\n");
            failed++;
        }
    }
    return failed;
}

int main(void)
{
    int failed = run_signatures() + run_envelopes();
    board_print_number("signatures", COUNT(mote_ed25519_vectors));
    board_print_number("envelopes", COUNT(mote_envelope_vectors));
    board_print(failed == 0 ? "cortex-m4 trust passed\n" : "cortex-m4 trust FAILED\n");
    return failed;
}
