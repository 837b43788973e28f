import { setTimeout as pause } from "node:timers/promises";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ConsoleBrowser, hasBrowser, picture, visit } from "../testing/consoleBrowser.js";
import { furnish, type Gallery, plan, state, take } from "../testing/gallery.js";
import { eventually, TestBench } from "../testing/server.js";

/** What operators come for: they stage, watch, stop and take back, by what the page says alone. */

describe.skipIf(!hasBrowser)("an operator's way through the console (needs chromium)", () => {
  let bench: TestBench;
  let gallery: Gallery;
  let browser: ConsoleBrowser;
  let page: Page;
  const button = (name: string, of = page) => of.getByRole("button", { name, exact: true });

  beforeAll(async () => {
    bench = await TestBench.start();
    gallery = await furnish(bench);
    await bench.operator.declareConsumer("ward-board", {
      product: "digits",
      contact: "ward-board@example.org",
      reads: ["labels"],
    });
    browser = await ConsoleBrowser.launch(bench);
    page = await browser.signIn(await bench.addPerson("olga", "operator"));
  }, 240_000);
  afterAll(async () => {
    await browser?.close();
    await Promise.all((gallery?.devices ?? []).map((device) => device.disconnect()));
    await bench.close();
  });

  test("stages: the page says to whom it goes while the form is filled, and starts what it has shown", async () => {
    await page.getByRole("link", { name: "New rollout" }).click();
    await page.getByRole("heading", { name: "New rollout" }).waitFor();
    await page.getByText("24 devices would get it").waitFor();
    await page.getByRole("combobox", { name: "Release" }).selectOption("digits 2.0.0");
    await page.getByLabel("gateway").check();
    await page.getByLabel("Only while the device is idle").uncheck();
    await page.getByLabel("Tags, all of them").fill("ward=3");
    await page.getByText("0 devices would get it").waitFor();
    await page.getByLabel("Tags, all of them").fill("");
    await page.getByText("What they run, and how they are doing").click();
    await page.getByLabel("Agent or firmware versions").fill("9.9.9");
    await page.getByText("0 devices would get it").waitFor();
    await page.getByText("9.9.9").last().waitFor();
    await page.getByLabel("Agent or firmware versions").fill("");
    await page.getByLabel("1.0.0 (24 devices)").check();
    await page.getByRole("combobox", { name: "Their last update" }).selectOption("went well, or none yet");
    await page.getByLabel("Heard of within, hours").fill("24");
    await page.getByText("24 devices would get it").waitFor();
    await picture(page, "new-rollout-query");
    await page.getByRole("radio", { name: /^Run it beside/ }).check();
    await page.getByText("24 devices would run it in the shadow").waitFor();
    await page.getByText("1. canary: 8 devices, each compared with itself").waitFor();
    await page.getByRole("radio", { name: /^Bring it to every spare slot/ }).check();
    await page.getByLabel("Approvals before the switch").fill("1");
    await page.getByText("3. switch: 24 devices, each compared with its own past").waitFor();
    await picture(page, "new-rollout-blue-green");
    await page.getByRole("radio", { name: /^Install it wave by wave/ }).check();
    await page.getByText("1. canary: 8 devices, 16 to compare with").waitFor();
    await picture(page, "new-rollout");
    await page.getByRole("button", { name: "Only at certain hours…" }).click();
    await page.getByLabel("Only from").fill("22:00");
    await page.getByLabel("until").fill("05:00");
    await page.getByLabel("Sa", { exact: true }).check();
    await page.getByText("Network, room, temperature").click();
    await page.getByLabel("Wi-Fi").check();
    await page.getByText("1. canary: 8 devices, 16 to compare with").waitFor();
    await picture(page, "new-rollout-when");
    await page.getByRole("button", { name: "Remove window 1" }).click();
    await page.getByLabel("Wi-Fi").uncheck();
    await page.getByText("1. canary: 8 devices, 16 to compare with").waitFor();
    await page.getByRole("button", { name: "Start with 8 devices" }).click();
    await page.getByRole("heading", { name: "digits 2.0.0", level: 1 }).waitFor();
    const { rollouts } = await bench.operator.rollouts();
    expect(rollouts[0]!.plan).toMatchObject({
      version: "2.0.0",
      strategy: "staged",
      query: {
        hardware: ["gateway"],
        running: ["1.0.0"],
        health: { lastUpdateFailed: false, seenWithinS: 86_400 },
      },
      waves: [{ name: "canary", count: 8, soakS: 3600 }, { share: 1 }],
      onFailure: "rollback-fleet",
      preconditions: {},
    });
  });

  test("watches: the bar moves with the devices", async () => {
    await page.getByText("7 more devices of wave “canary” must confirm").waitFor();
    await take(gallery.devices, 2, 8);
    await page.getByRole("img", { name: "Wave canary: 8 confirmed" }).first().waitFor();
    await page.getByText("being watched").waitFor();
  });

  test("pauses, after it was told what that does, and resumes", async () => {
    await button("Pause…").click();
    await page.getByText("No further device is told of the release.").waitFor();
    await page.getByLabel("Comment").fill("lunch");
    await button("Pause").click();
    await page.getByText("paused by olga: lunch").first().waitFor();
    await button("Resume…").click();
    await button("Resume").click();
    await page.getByText("resumed by olga").first().waitFor();
  });

  test("takes it back, and sees the devices come back", async () => {
    await button("Roll back…").click();
    await page.getByText("8 devices that took the release").waitFor();
    await button("Leave it as it is").click();
    await button("Roll back…").click();
    await button("Roll back").click();
    await page.getByText("8 devices still to go back").waitFor();
    await take(gallery.devices, 1);
    await page.getByText("taken back", { exact: true }).waitFor();
    await page.getByRole("img", { name: "Going back: 8 back on what they ran before" }).waitFor();
  });

  test("warns before a rollout of whom it would surprise", async () => {
    await bench.signers.publish(bench.operator, [gallery.releases[3]!], bench.now());
    await visit(page, "/new-rollout?product=digits&version=4.0.0", "New rollout");
    await page.getByText("Tell ward-board@example.org first").waitFor();
    await page.getByText('the classes "lying", "sitting" are gone').waitFor();
    await picture(page, "consumer-warning");
  });

  test("waits for two people: each approves on a phone of their own, nobody twice", async () => {
    await bench.operator.createRollout(
      plan({
        version: "2.0.0",
        waves: [
          { name: "canary", count: 8, soakS: 0, approvals: 2 },
          { name: "all", share: 1, soakS: 0 },
        ],
      }),
    );
    const viewport = { width: 390, height: 844 };
    const ada = await browser.signIn(await bench.addPerson("ada", "approver"), { viewport });
    const ben = await browser.signIn(await bench.addPerson("ben", "approver"), { viewport });
    for (const approver of [ada, ben]) {
      await approver.getByRole("link", { name: /^Approvals/ }).click();
      await approver.getByText(/waits for \d more approval/).waitFor();
    }
    await picture(ada, "phone-approval");
    await approve(ada);
    await ben.getByText("Approved by ada.").waitFor();
    await button("Approve…", ada).click();
    await button("Approve", ada).click();
    await ada.getByText("must come from a different person").waitFor();
    await ada.keyboard.press("Escape");
    await approve(ben);
    await ben.getByText("No rollout waits for anybody's word.").waitFor();
    await state(bench.operator, "running");
  });

  test("is taken through by keyboard alone, with the focus in sight and in the dialog", async () => {
    const { id } = await state(bench.operator, "running");
    await visit(page, "/", "Overview");
    await page.keyboard.type("?");
    await page.getByRole("heading", { name: "Keyboard" }).waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.type("gr");
    await page.getByRole("heading", { name: "Rollouts", level: 1 }).waitFor();
    await tabTo(page, "link", "digits 2.0.0");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "digits 2.0.0", level: 1 }).waitFor();
    await tabTo(page, "button", "End, keep what is done…");
    expect(await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")).toBe("solid");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    for (let i = 0; i < 8; i++) {
      await page.keyboard.press("Tab");
      // Beyond the last field the browser's own controls come, never the page behind.
      expect(
        await page.evaluate(
          "document.activeElement === document.body || document.activeElement.closest('dialog') !== null",
        ),
      ).toBe(true);
    }
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect(await page.evaluate("document.activeElement.textContent")).toBe("End, keep what is done…");
    await page.keyboard.press("Enter");
    await tabTo(page, "button", "End, keep what is done");
    await page.keyboard.press("Enter");
    await page.getByText("ended early").first().waitFor();
    expect((await bench.operator.rollout(id)).state).toBe("aborted");
  });

  test("lets the first thing that Tab reaches skip the header", async () => {
    await page.reload();
    await page.getByRole("heading", { level: 1 }).waitFor();
    await page.evaluate("document.activeElement.blur()");
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Skip to the page");
    await page.keyboard.press("Enter");
    expect(await page.evaluate("document.activeElement.id")).toBe("main");
  });

  test("stages anew what was staged before", async () => {
    await page.getByRole("link", { name: "Stage another one like this" }).click();
    await page.getByRole("heading", { name: "New rollout" }).waitFor();
    await page.getByRole("button", { name: "Ask for approval" }).waitFor();
    expect(await page.getByLabel("Approvals").first().inputValue()).toBe("2");
  });

  test("says that it has lost the server, and goes on when it is back", async () => {
    await page.context().setOffline(true);
    await visit(page, "/devices", "Devices");
    await page.getByText("The server can't be reached.").first().waitFor();
    await page.context().setOffline(false);
    await eventually(async () => {
      const again = page.getByRole("button", { name: "Try again" });
      if ((await again.count()) > 0) await again.first().click();
      await pause(200);
      return (await page.getByRole("link", { name: "cam-01" }).count()) > 0;
    }, "the devices to be shown");
  });

  test("has met no fault", () => {
    expect(browser.faults).toEqual([]);
  });

  async function approve(approver: Page): Promise<void> {
    await button("Approve…", approver).click();
    await approver.getByLabel("Comment").fill("read it");
    await button("Approve", approver).click();
    await approver.getByRole("dialog").waitFor({ state: "detached" });
  }
});

/** Presses Tab until the element of this text has the focus. */
async function tabTo(page: Page, role: "link" | "button", name: string): Promise<void> {
  await page.getByRole(role, { name, exact: true }).first().waitFor();
  for (let i = 0; i < 80; i++) {
    if ((await page.evaluate("document.activeElement.textContent")) === name) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`Tab does not reach the ${role} "${name}".`);
}
