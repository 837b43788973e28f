/** Environment by which a program knows that it is on a rehearsal's leash (leash.ts): whose, and which folder dies with it. */
export const LEASH_PID = "MOTE_REHEARSAL_PID";
export const LEASH_FOLDER = "MOTE_REHEARSAL_FOLDER";
