#include "mote/update.h"

#include <stdint.h>

#include "mote/error.h"

#define NEVER MOTE_ERROR_STATE
#define STAY MOTE_STAY

/* What the device's own doing brings about has no meaning before that doing; what comes from outside may be ignored. */
#define OUTSIDE                                                                                                   \
    [MOTE_EVENT_OFFER] = STAY, [MOTE_EVENT_WITHDRAW] = STAY, [MOTE_EVENT_PRECONDITIONS_MET] = STAY,               \
    [MOTE_EVENT_PRECONDITIONS_LOST] = STAY
#define INSIDE                                                                                                    \
    [MOTE_EVENT_TRUSTED] = NEVER, [MOTE_EVENT_REFUSED] = NEVER, [MOTE_EVENT_DOWNLOADED] = NEVER,                  \
    [MOTE_EVENT_DOWNLOAD_FAILED] = NEVER, [MOTE_EVENT_APPLIED] = NEVER, [MOTE_EVENT_ROUTE_FAILED] = NEVER,        \
    [MOTE_EVENT_APPLY_FAILED] = NEVER,                                                                            \
    [MOTE_EVENT_GOLDEN_PASSED] = NEVER, [MOTE_EVENT_GOLDEN_FAILED] = NEVER, [MOTE_EVENT_HEALTHY] = NEVER,         \
    [MOTE_EVENT_UNHEALTHY] = NEVER, [MOTE_EVENT_CONFIRMED] = NEVER, [MOTE_EVENT_REVERTED] = NEVER,                \
    [MOTE_EVENT_RESTARTED] = NEVER

/* A row is the quiet answers with those of its own laid over them, which C spells as an initializer given twice. */
#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Woverride-init"
#endif
#if defined(__clang__)
#pragma clang diagnostic ignored "-Winitializer-overrides"
#endif

static const int8_t TABLE[MOTE_STATE_COUNT][MOTE_EVENT_COUNT] = {
    [MOTE_STATE_IDLE] = { OUTSIDE, INSIDE,
        [MOTE_EVENT_OFFER] = MOTE_STATE_WAITING,
        [MOTE_EVENT_RESTARTED] = MOTE_STATE_IDLE },
    [MOTE_STATE_WAITING] = { OUTSIDE, INSIDE,
        [MOTE_EVENT_WITHDRAW] = MOTE_STATE_IDLE,
        [MOTE_EVENT_PRECONDITIONS_MET] = MOTE_STATE_VERIFYING,
        [MOTE_EVENT_RESTARTED] = MOTE_STATE_WAITING },
    [MOTE_STATE_VERIFYING] = { OUTSIDE, INSIDE,
        [MOTE_EVENT_WITHDRAW] = MOTE_STATE_IDLE,
        [MOTE_EVENT_PRECONDITIONS_LOST] = MOTE_STATE_WAITING,
        [MOTE_EVENT_TRUSTED] = MOTE_STATE_DOWNLOADING,
        /* Metadata could not be fetched: tried again later, as any download. */
        [MOTE_EVENT_DOWNLOAD_FAILED] = MOTE_STATE_WAITING,
        [MOTE_EVENT_REFUSED] = MOTE_STATE_IDLE,
        [MOTE_EVENT_RESTARTED] = MOTE_STATE_WAITING },
    [MOTE_STATE_DOWNLOADING] = { OUTSIDE, INSIDE,
        [MOTE_EVENT_WITHDRAW] = MOTE_STATE_IDLE,
        [MOTE_EVENT_PRECONDITIONS_LOST] = MOTE_STATE_WAITING,
        [MOTE_EVENT_DOWNLOADED] = MOTE_STATE_APPLYING,
        [MOTE_EVENT_DOWNLOAD_FAILED] = MOTE_STATE_WAITING,
        [MOTE_EVENT_REFUSED] = MOTE_STATE_IDLE,
        /* Trust is judged again after a restart: metadata may have expired while the power was off. */
        [MOTE_EVENT_RESTARTED] = MOTE_STATE_WAITING },
    [MOTE_STATE_APPLYING] = { OUTSIDE, INSIDE,
        [MOTE_EVENT_WITHDRAW] = MOTE_STATE_IDLE,
        [MOTE_EVENT_APPLIED] = MOTE_STATE_TRYING,
        [MOTE_EVENT_ROUTE_FAILED] = MOTE_STATE_DOWNLOADING,
        [MOTE_EVENT_APPLY_FAILED] = MOTE_STATE_IDLE,
        /* The spare slot may be half-written; applying starts it from its first byte. */
        [MOTE_EVENT_RESTARTED] = MOTE_STATE_APPLYING },
    [MOTE_STATE_TRYING] = { OUTSIDE, INSIDE,
        [MOTE_EVENT_WITHDRAW] = MOTE_STATE_IDLE,
        [MOTE_EVENT_GOLDEN_PASSED] = MOTE_STATE_PROBATION,
        [MOTE_EVENT_GOLDEN_FAILED] = MOTE_STATE_REVERTING,
        [MOTE_EVENT_RESTARTED] = MOTE_STATE_TRYING },
    [MOTE_STATE_PROBATION] = { OUTSIDE, INSIDE,
        [MOTE_EVENT_WITHDRAW] = MOTE_STATE_REVERTING,
        [MOTE_EVENT_HEALTHY] = MOTE_STATE_CONFIRMING,
        [MOTE_EVENT_UNHEALTHY] = MOTE_STATE_REVERTING,
        [MOTE_EVENT_RESTARTED] = MOTE_STATE_PROBATION },
    [MOTE_STATE_CONFIRMING] = { OUTSIDE, INSIDE,
        [MOTE_EVENT_CONFIRMED] = MOTE_STATE_IDLE,
        [MOTE_EVENT_RESTARTED] = MOTE_STATE_CONFIRMING },
    [MOTE_STATE_REVERTING] = { OUTSIDE, INSIDE,
        [MOTE_EVENT_REVERTED] = MOTE_STATE_IDLE,
        [MOTE_EVENT_RESTARTED] = MOTE_STATE_REVERTING },
};

int mote_update_next(enum mote_update_state state, enum mote_update_event event)
{
    if ((unsigned)state >= MOTE_STATE_COUNT || (unsigned)event >= MOTE_EVENT_COUNT) {
        return MOTE_ERROR_STATE;
    }
    return TABLE[state][event];
}
