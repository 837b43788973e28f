/*
 * The device's update as a table: every state answers every event. The same table as protocol/src/update/machine.ts; a
 * test compares them. Persist the state (mote_slots_enter) before you perform its effect.
 */
#ifndef MOTE_UPDATE_H
#define MOTE_UPDATE_H

enum mote_update_state {
    MOTE_STATE_IDLE,
    MOTE_STATE_WAITING,
    MOTE_STATE_VERIFYING,
    MOTE_STATE_DOWNLOADING,
    MOTE_STATE_APPLYING,
    MOTE_STATE_TRYING,
    MOTE_STATE_PROBATION,
    MOTE_STATE_CONFIRMING,
    MOTE_STATE_REVERTING,
    MOTE_STATE_COUNT,
};

enum mote_update_event {
    MOTE_EVENT_OFFER,
    MOTE_EVENT_WITHDRAW,
    MOTE_EVENT_PRECONDITIONS_MET,
    MOTE_EVENT_PRECONDITIONS_LOST,
    MOTE_EVENT_TRUSTED,
    MOTE_EVENT_REFUSED,
    MOTE_EVENT_DOWNLOADED,
    MOTE_EVENT_DOWNLOAD_FAILED,
    MOTE_EVENT_APPLIED,
    MOTE_EVENT_ROUTE_FAILED,
    MOTE_EVENT_APPLY_FAILED,
    MOTE_EVENT_GOLDEN_PASSED,
    MOTE_EVENT_GOLDEN_FAILED,
    MOTE_EVENT_HEALTHY,
    MOTE_EVENT_UNHEALTHY,
    MOTE_EVENT_CONFIRMED,
    MOTE_EVENT_REVERTED,
    MOTE_EVENT_RESTARTED,
    MOTE_EVENT_COUNT,
};

/* Instead of a state: keep the one at hand without doing its effect again. */
#define MOTE_STAY 0x40

/* The state to enter, MOTE_STAY, or MOTE_ERROR_STATE where the event has no meaning: a fault of the caller. */
int mote_update_next(enum mote_update_state state, enum mote_update_event event);

#endif
