import { Histogram, Registry } from "prom-client";
import { expect, test } from "vitest";
import { RequestTimes } from "./requestTimes.js";

test("what Prometheus reads is what prom-client's own histogram would say", async () => {
  const boundsS = [0.001, 0.01, 0.1];
  const [ours, theirs] = [new Registry(), new Registry()];
  const times = new RequestTimes("times_seconds", "How long.", boundsS);
  times.registerWith(ours);
  const histogram = new Histogram({
    name: "times_seconds",
    help: "How long.",
    labelNames: ["method", "route", "status"],
    buckets: boundsS,
    registers: [theirs],
  });
  // On a bound, between two, below the first and beyond the last.
  for (const seconds of [0.001, 0.002, 0, 0.1, 7, 0.0625]) {
    for (const [method, route, status] of [
      ["POST", "/devices/:id/poll", 200],
      ["GET", '/odd"\\route', 404],
    ] as const) {
      times.of(method, route, status).observe(seconds);
      histogram.observe({ method, route, status: String(status) }, seconds);
    }
  }
  const linesOf = async (registry: Registry) => (await registry.metrics()).split("\n").toSorted();
  expect(await linesOf(ours)).toEqual(await linesOf(theirs));
  expect(times.of("POST", "/devices/:id/poll", 200)).toBe(times.of("POST", "/devices/:id/poll", 200));
});
