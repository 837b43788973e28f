/* One line for each state and event: their numbers and the answer's. test/firmware-shims.test.ts compares. */
#include <stdio.h>

#include "mote/error.h"
#include "mote/update.h"

int main(void)
{
    for (int state = 0; state < MOTE_STATE_COUNT; state++) {
        for (int event = 0; event < MOTE_EVENT_COUNT; event++) {
            int answer = mote_update_next((enum mote_update_state)state, (enum mote_update_event)event);
            if (answer == MOTE_STAY) {
                (void)printf("%d %d stay\n", state, event);
            } else if (answer == MOTE_ERROR_STATE) {
                (void)printf("%d %d never\n", state, event);
            } else {
                (void)printf("%d %d %d\n", state, event, answer);
            }
        }
    }
    return 0;
}
