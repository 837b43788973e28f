import { DEFAULT_GATES } from "@mote/protocol";

/** The page's skeleton; the script fills its sections. */
export const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Mote</title>
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='6' fill='%232a78d6'/%3E%3C/svg%3E">
<link rel="stylesheet" href="/console/style.css">
<script type="module" src="/console/main.js"></script>
</head>
<body>
<header class="top">
  <h1>Mote</h1>
  <span id="connection" role="status">connecting</span>
  <span class="space"></span>
  <button id="sign-in" type="button">Sign in</button>
  <button id="theme" type="button" aria-label="Switch between dark and light">◐</button>
</header>
<main>
  <p id="message" role="alert"></p>
  <section aria-labelledby="alerts-h"><h2 id="alerts-h">Waits for you</h2><div id="alerts"></div></section>
  <section aria-labelledby="fleet-h"><h2 id="fleet-h">Fleet</h2><div id="fleet"></div></section>
  <div class="left">
  <section aria-labelledby="rollouts-h"><div class="head"><h2 id="rollouts-h">Rollouts</h2><button id="new-rollout" type="button" hidden>New rollout</button></div><div id="rollouts"></div></section>
  </div>
  <div class="right">
  <section aria-labelledby="devices-h"><h2 id="devices-h">Devices</h2><form id="devices-filter"><input id="devices-filter-text" type="search" aria-label="Show devices by hardware or tag" placeholder="hardware, product:name or tag=value"><button type="submit">Show</button></form><div id="devices" class="grid"></div><p id="devices-note" class="note"></p><button id="devices-next" type="button" hidden>Next devices</button></section>
  <section aria-labelledby="releases-h"><h2 id="releases-h">Releases</h2><div id="releases"></div></section>
  <section aria-labelledby="trust-h"><h2 id="trust-h">Trust</h2><div id="trust"></div></section>
  </div>
</main>
<dialog id="device" aria-label="Device"><form method="dialog"><button class="close" aria-label="Close">✕</button></form><div id="device-body"></div></dialog>
<dialog id="release" aria-label="Release"><form method="dialog"><button class="close" aria-label="Close">✕</button></form><div id="release-body"></div></dialog>
<dialog id="plan" aria-labelledby="plan-h">
  <form id="plan-form">
    <h2 id="plan-h">New rollout</h2>
    <p id="plan-none" class="warning">No release is signed yet: \`mote sign\` and \`mote publish\` bring one.</p>
    <div class="fields">
    <label>Release <select id="plan-release" required></select></label>
    <label>Hardware <input id="plan-hardware" placeholder="all; or names, with commas"></label>
    <label>Tag <input id="plan-tag" placeholder="all; or ward=3"></label>
    <label>First wave, devices <input id="plan-canary" type="number" min="1" value="10" required></label>
    <label>Second wave, % of all (0 for none) <input id="plan-share" type="number" min="0" max="99" value="10" required></label>
    <label>Each is watched for, minutes <input id="plan-soak" type="number" min="0" value="60" required></label>
    <label>When a wave turns out worse <select id="plan-failure"><option value="rollback-fleet">take it back everywhere</option><option value="rollback-wave">take back that wave</option><option value="hold">stop and ask</option></select></label>
    <label>Approvals before it starts <input id="plan-approvals" type="number" min="0" max="16" value="0" required></label>
    <label>Battery at least, % <input id="plan-battery" type="number" min="0" max="100" placeholder="any"></label>
    <label>Only from (device's own time) <input id="plan-from" type="time"></label>
    <label>until <input id="plan-to" type="time"></label>
    <label>Comment <input id="plan-comment" maxlength="512"></label>
    </div>
    <label><input id="plan-weekdays" type="checkbox"> Mondays to Fridays only</label>
    <label><input id="plan-unmetered" type="checkbox"> Not over metered links</label>
    <label><input id="plan-idle" type="checkbox" checked> Only while the device is idle and at no critical task</label>
    <div id="plan-preview" aria-live="polite"></div>
    <p id="plan-message" class="warning" role="alert"></p>
    <p class="actions"><button id="plan-check" type="button">Preview</button> <button id="plan-start" type="submit" disabled>Start</button> <button id="plan-cancel" type="button">Cancel</button></p>
  </form>
</dialog>
<script type="application/json" id="plan-gates">${JSON.stringify(DEFAULT_GATES)}</script>
<dialog id="login" aria-labelledby="login-h">
  <form id="login-form">
    <h2 id="login-h">Sign in</h2>
    <p>The first start of the server writes a token to <code>admin.token</code> in its data folder.</p>
    <label>Token <input id="login-token" type="password" autocomplete="current-password" required></label>
    <p id="login-message" class="warning" role="alert"></p>
    <button type="submit">Sign in</button>
  </form>
</dialog>
<dialog id="confirm" aria-labelledby="confirm-text">
  <form method="dialog">
    <h2 id="confirm-text"></h2>
    <label>Comment <input id="confirm-comment" maxlength="512"></label>
    <label id="confirm-rollback-row"><input id="confirm-rollback" type="checkbox"> Devices go back to what they ran before</label>
    <p class="actions"><button value="yes">Yes</button> <button value="no">No</button></p>
  </form>
</dialog>
</body>
</html>
`;
