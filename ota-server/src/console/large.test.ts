import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { drawOf } from "../store/draw.js";
import { ConsoleBrowser, hasBrowser, visit } from "../testing/consoleBrowser.js";
import { makeRelease } from "../testing/release.js";
import { TestBench } from "../testing/server.js";

/** The console beside a large fleet: 10,000 fabricated devices in every run, 100,000 in the full one. */

const DEVICES = process.env["MOTE_FULL"] === undefined ? 10_000 : 100_000;
const ROWS = 500;
/** What a page of a hundred devices, its header and its form come to. */
const MAX_ELEMENTS = 5_000;
const MAX_HEAP_BYTES = 60e6;

describe.skipIf(!hasBrowser)(`the console beside ${DEVICES} devices (needs chromium)`, () => {
  let bench: TestBench;
  let browser: ConsoleBrowser;
  let page: Page;

  beforeAll(async () => {
    bench = await TestBench.start();
    await bench.publishRoot();
    await bench.signers.publish(bench.operator, [makeRelease(1), makeRelease(2)], bench.now());
    await fabricate(bench);
    browser = await ConsoleBrowser.launch(bench);
    page = await browser.signIn(browser.adminToken);
  }, 240_000);
  afterAll(async () => {
    await browser?.close();
    await bench.close();
  });

  test("shows the fleet by counts and a page of devices, in bounded memory", async () => {
    await page.reload();
    await page.getByText(DEVICES.toLocaleString("en"), { exact: true }).first().waitFor();
    const paint = await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime");
    await visit(page, "/devices", "Devices");
    const startMs = performance.now();
    await page.getByRole("link", { name: "cam-000099" }).waitFor();
    const listMs = performance.now() - startMs;
    const { elements, heap } = await weigh(page);
    console.log(
      `${DEVICES} devices: first paint ${Math.round(Number(paint))} ms, list ${Math.round(listMs)} ms, ${elements} elements, heap ${(heap / 1e6).toFixed(1)} MB`,
    );
    expect(elements).toBeLessThan(MAX_ELEMENTS);
    expect(heap).toBeLessThan(MAX_HEAP_BYTES);
  });

  test("pages on and finds one device among all", async () => {
    await page.getByRole("link", { name: "Next 100 devices" }).click();
    await page.getByRole("link", { name: "cam-000100" }).waitFor();
    const last = `cam-${String(DEVICES - 1).padStart(6, "0")}`;
    await visit(page, `/devices?prefix=${last}`, "Devices");
    await page
      .getByRole("status")
      .filter({ hasText: /^1 device/ })
      .waitFor();
  });

  test("stages for all of them: the preview counts in the database", async () => {
    await visit(page, "/new-rollout?product=digits&version=2.0.0", "New rollout");
    await page.getByText(`${DEVICES.toLocaleString("en")} devices would get it`).waitFor();
  });

  test("stays at hand while telemetry streams in, and is told little of it", async () => {
    const devices = await bench.devices(20, "live");
    await visit(page, "/", "Overview");
    await page.evaluate(`
      window.told = 0;
      new EventSource("/api/v1/events").onmessage = () => { window.told++; };
    `);
    let sent = 0;
    const storm = { isOver: false };
    const senders = devices.map(async (device) => {
      while (!storm.isOver) {
        await device.sendWindow({ confidence: 0.9, accuracy: 0.9 });
        sent++;
      }
    });
    for (const name of ["Devices", "Rollouts", "Releases", "Overview"]) {
      await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name }).click();
      await page.getByRole("heading", { name, level: 1 }).waitFor();
    }
    await page.waitForFunction("window.told > 0");
    storm.isOver = true;
    await Promise.all(senders);
    const told = Number(await page.evaluate("window.told"));
    console.log(`${sent} windows, ${told} events told`);
    expect(told).toBeLessThan(sent);
    await Promise.all(devices.map((device) => device.disconnect()));
    const { elements, heap } = await weigh(page);
    expect(elements).toBeLessThan(MAX_ELEMENTS);
    expect(heap).toBeLessThan(MAX_HEAP_BYTES);
  });

  test("has met no fault", () => expect(browser.faults).toEqual([]));
});

async function weigh(page: Page): Promise<{ elements: number; heap: number }> {
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  return { elements: Number(await page.evaluate("document.querySelectorAll('*').length")), heap: usedSize };
}

/** Rows as enrolment and polls leave them. */
async function fabricate(bench: TestBench): Promise<void> {
  const nowMs = bench.now();
  const row = (i: number) => {
    const id = `cam-${String(i).padStart(6, "0")}`;
    return {
      id,
      product: "digits",
      hardware: "gateway",
      tags: JSON.stringify({ ward: String(i % 40) }),
      public_key: "ab".repeat(32),
      enrolled_at_ms: nowMs,
      last_seen_ms: nowMs,
      online: i % 2,
      running_sequence: 1,
      held: "[]",
      floor: 0,
      codecs: "[]",
      agent_version: "test",
      frame_sequence: -1,
      draw: drawOf(id),
      update_failed: 0,
    };
  };
  for (let start = 0; start < DEVICES; start += ROWS) {
    const rows = Array.from({ length: Math.min(ROWS, DEVICES - start) }, (_, i) => row(start + i));
    await bench.server.store.write((db) => db.insertInto("devices").values(rows).execute());
  }
}
