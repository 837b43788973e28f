import { setFlagsFromString } from "node:v8";

/** How V8 keeps this process's heap. To be imported before anything that runs often. */

/**
 * V8 watches which objects of a place in the code outlive their youth, and from then on makes all of that place old from
 * birth. A burst, in which thousands of frames wait for one fsync, teaches it so about frames, which live for some
 * milliseconds: 2 kB of each became garbage that only a mark of the whole heap finds, and 10,000 connections are 100 MB
 * to mark.
 */
setFlagsFromString("--no-allocation-site-pretenuring");

/**
 * Marks the heap when it has doubled since the last mark. V8 itself waits for as little as a quarter more where the old
 * part grows slowly, and marked those 100 MB every ten seconds.
 */
setFlagsFromString("--heap-growing-percent=100");
