import { useEffect, useState } from "preact/hooks";
import { ago, when } from "../format.js";

const TICK_MS = 5000;

/** The time now, told anew every few seconds, so that "5 min ago" stays true. */
export function useNow(): number {
  const [nowMs, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return nowMs;
}

export function Time({ ms }: { ms: number }) {
  return <time dateTime={new Date(ms).toISOString()}>{when(ms, Date.now())}</time>;
}

export function Ago({ ms, now }: { ms: number | null; now: number }) {
  if (ms === null) return <>never</>;
  return (
    <time dateTime={new Date(ms).toISOString()} title={new Date(ms).toLocaleString()}>
      {ago(ms, now)}
    </time>
  );
}
