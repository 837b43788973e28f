#include "mote/device.h"

#include <string.h>

#include "mote/params.h"

/* ---- the patch's port: base from the confirmed slot, result into the spare one ---- */

static int read_base(void *context, uint32_t offset, uint8_t *bytes, uint32_t length)
{
    const struct mote_slots *slots = context;
    const struct mote_flash *flash = slots->flash;
    return flash->read(flash->context, flash->slot_address[slots->active] + offset, bytes, length);
}

static int read_result(void *context, uint32_t offset, uint8_t *bytes, uint32_t length)
{
    return mote_slots_read_back(context, offset, bytes, length);
}

static int write_result(void *context, uint32_t offset, const uint8_t *bytes, uint32_t length)
{
    (void)offset; /* offsets only grow */
    return mote_slots_write(context, bytes, length);
}

/* ---- states ---- */

static enum mote_update_state state_of(const struct mote_device *d)
{
    return (enum mote_update_state)d->slots.state;
}

/* Lets an event happen and stores the state that it leads to. */
static int happen(struct mote_device *d, enum mote_update_event event)
{
    int next = mote_update_next(state_of(d), event);
    if (next < 0 || next == MOTE_STAY) {
        return next < 0 ? next : MOTE_OK;
    }
    return mote_slots_enter(&d->slots, (enum mote_update_state)next);
}

/* The effects of the two states that end an update, each one record. */
static int finish(struct mote_device *d, enum mote_update_event event)
{
    int error = happen(d, event);
    if (error != MOTE_OK) {
        return error;
    }
    return state_of(d) == MOTE_STATE_CONFIRMING ? mote_slots_confirm(&d->slots) : mote_slots_revert(&d->slots);
}

/* What was under way can't go on: it is offered anew. */
static int go_back(struct mote_device *d, int cause)
{
    if (state_of(d) == MOTE_STATE_APPLYING) {
        (void)happen(d, MOTE_EVENT_ROUTE_FAILED);
    }
    if (state_of(d) == MOTE_STATE_DOWNLOADING) {
        (void)happen(d, MOTE_EVENT_DOWNLOAD_FAILED);
    }
    return cause;
}

int mote_device_open(struct mote_device *d, const struct mote_board *board)
{
    memset(d, 0, sizeof *d);
    d->board = board;
    int error = mote_slots_open(&d->slots, board->flash);
    if (error != MOTE_OK) {
        return error;
    }
    switch (mote_update_next(state_of(d), MOTE_EVENT_RESTARTED)) {
    case MOTE_STATE_CONFIRMING:
        return mote_slots_confirm(&d->slots);
    case MOTE_STATE_REVERTING:
        return mote_slots_revert(&d->slots);
    case MOTE_STATE_APPLYING:
        /* The patch came straight off the line into the slot, so it must come again. */
        return go_back(d, MOTE_OK);
    case MOTE_STATE_WAITING:
        return state_of(d) == MOTE_STATE_WAITING ? MOTE_OK : happen(d, MOTE_EVENT_RESTARTED);
    default:
        return MOTE_OK;
    }
}

/* ---- trust ---- */

static int pin(struct mote_device *d, struct mote_trust *trust)
{
    const struct mote_board *board = d->board;
    const uint8_t *root = board->root;
    uint32_t length = board->root_length;
    int stored = mote_slots_read_root(&d->slots, d->memory.root, sizeof d->memory.root);
    if (stored >= 0) {
        root = d->memory.root;
        length = (uint32_t)stored;
    } else if (stored != MOTE_ERROR_EMPTY) {
        return stored;
    }
    return mote_trust_pin(trust, board->verifier, root, length, d->slots.floor, d->slots.time_s);
}

static int judge(struct mote_device *d, const uint8_t *envelope, uint32_t length, uint32_t clock_s,
                 struct mote_release *release)
{
    const struct mote_board *board = d->board;
    const struct mote_question question = { board->product, board->hardware, board->architecture_hash, clock_s };
    struct mote_trust trust;
    int error = pin(d, &trust);
    error = error == MOTE_OK ? mote_trust_judge(&trust, envelope, length, &question, release) : error;
    if (error != MOTE_OK) {
        return error;
    }
    if (release->params_length > board->flash->slot_bytes) {
        return MOTE_ERROR_TOO_LARGE;
    }
    d->slots.floor = trust.floor;
    d->slots.time_s = trust.time_s;
    d->params_length = release->params_length;
    d->sequence = release->sequence;
    memcpy(d->params_sha256, release->params_sha256, sizeof d->params_sha256);
    return MOTE_OK;
}

int mote_device_offer(struct mote_device *d, const uint8_t *envelope, uint32_t length, uint32_t clock_s,
                      struct mote_release *release)
{
    enum mote_update_state state = state_of(d);
    int error = MOTE_OK;
    if (state == MOTE_STATE_DOWNLOADING || state == MOTE_STATE_APPLYING) {
        (void)go_back(d, MOTE_OK); /* another one is offered */
    } else if (state == MOTE_STATE_IDLE) {
        error = happen(d, MOTE_EVENT_OFFER);
    } else if (state != MOTE_STATE_WAITING && state != MOTE_STATE_VERIFYING) {
        return MOTE_ERROR_STATE;
    }
    if (error == MOTE_OK && state_of(d) == MOTE_STATE_WAITING) {
        error = happen(d, MOTE_EVENT_PRECONDITIONS_MET);
    }
    if (error != MOTE_OK) {
        return error;
    }
    error = judge(d, envelope, length, clock_s, release);
    if (error != MOTE_OK) {
        (void)happen(d, MOTE_EVENT_REFUSED);
        return error;
    }
    /* One record stores the raised floor together with the state that relies on it. */
    return happen(d, MOTE_EVENT_TRUSTED);
}

int mote_device_rotate_root(struct mote_device *d, const uint8_t *root, uint32_t length)
{
    struct mote_trust trust;
    if (state_of(d) == MOTE_STATE_APPLYING) {
        return MOTE_ERROR_STATE; /* the patch is in the memory that a stored root needs */
    }
    if (length > sizeof d->memory.root) {
        return MOTE_ERROR_TOO_LARGE; /* it could be stored, and never be read again */
    }
    int error = pin(d, &trust);
    error = error == MOTE_OK ? mote_trust_rotate(&trust, root, length) : error;
    error = error == MOTE_OK ? mote_slots_write_root(&d->slots, root, length) : error;
    /* What the keys of before had let in and has not come yet is judged by those of now. */
    return error == MOTE_OK ? go_back(d, MOTE_OK) : error;
}

/* ---- the patch ---- */

static int begin_patch(struct mote_device *d)
{
    struct mote_slots *slots = &d->slots;
    int error = happen(d, MOTE_EVENT_DOWNLOADED);
    error = error == MOTE_OK ? mote_slots_write_begin(slots) : error;
    d->port = (struct mote_patch_port){
        .context = slots,
        .read_base = read_base,
        .read_result = read_result,
        .write = write_result,
        .base_length = slots->active < 2u ? slots->slot[slots->active].length : 0,
        .max_result_length = d->params_length,
    };
    mote_patch_begin(&d->memory.patch, &d->port);
    return error;
}

int mote_device_patch(struct mote_device *d, const uint8_t *bytes, uint32_t length)
{
    int error = MOTE_OK;
    if (state_of(d) == MOTE_STATE_DOWNLOADING) {
        error = begin_patch(d);
    } else if (state_of(d) != MOTE_STATE_APPLYING) {
        return MOTE_ERROR_STATE;
    }
    error = error == MOTE_OK ? mote_patch_push(&d->memory.patch, bytes, length) : error;
    return error == MOTE_OK ? MOTE_OK : go_back(d, error);
}

/* Digest and length are those that people signed, and the parameters say that they are for this code. */
static int check_result(struct mote_device *d)
{
    struct mote_slots *slots = &d->slots;
    uint8_t header[MOTE_PARAMS_HEADER_BYTES];
    if (slots->written != d->params_length) {
        return MOTE_ERROR_RESULT;
    }
    if (slots->written < sizeof header) {
        return MOTE_ERROR_FORMAT;
    }
    int error = mote_slots_read_back(slots, 0, header, sizeof header);
    error = error == MOTE_OK ? mote_params_check(header, slots->written, d->board->architecture_hash) : error;
    return error == MOTE_OK ? mote_slots_write_end(slots, d->params_sha256) : error;
}

int mote_device_patched(struct mote_device *d)
{
    if (state_of(d) != MOTE_STATE_APPLYING) {
        return MOTE_ERROR_STATE;
    }
    int error = mote_patch_finish(&d->memory.patch);
    error = error == MOTE_OK ? check_result(d) : error;
    return error == MOTE_OK ? happen(d, MOTE_EVENT_APPLIED) : go_back(d, error);
}

int mote_device_tried(struct mote_device *d, int passed)
{
    if (state_of(d) != MOTE_STATE_TRYING) {
        return MOTE_ERROR_STATE;
    }
    return passed ? happen(d, MOTE_EVENT_GOLDEN_PASSED) : finish(d, MOTE_EVENT_GOLDEN_FAILED);
}

int mote_device_settle(struct mote_device *d, int healthy)
{
    if (state_of(d) != MOTE_STATE_PROBATION) {
        return MOTE_ERROR_STATE;
    }
    return finish(d, healthy ? MOTE_EVENT_HEALTHY : MOTE_EVENT_UNHEALTHY);
}
