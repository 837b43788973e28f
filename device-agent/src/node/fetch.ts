import type { Fetch } from "@mote/protocol";

/** Milliseconds until an answer must have begun; the body's pace is watched by whoever reads it. */
const ANSWER_MS = 30_000;

/** Node's fetch, given up when the server accepts a connection and then says nothing. */
export const nodeFetch: Fetch = async (url, init = {}) => {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new Error(`no answer in ${ANSWER_MS / 1000} s`)), ANSWER_MS);
  const signal = init.signal === undefined ? late.signal : AbortSignal.any([init.signal, late.signal]);
  try {
    return await fetch(url, { ...init, signal });
  } finally {
    clearTimeout(timer);
  }
};
