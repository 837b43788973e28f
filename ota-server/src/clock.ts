/** Milliseconds since 1970. Handed in, so that tests can move time. */
export type Clock = () => number;
