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
  <section aria-labelledby="fleet-h"><h2 id="fleet-h">Fleet</h2><div id="fleet"></div></section>
  <div class="left">
  <section aria-labelledby="rollouts-h"><h2 id="rollouts-h">Rollouts</h2><div id="rollouts"></div></section>
  </div>
  <div class="right">
  <section aria-labelledby="devices-h"><h2 id="devices-h">Devices</h2><div id="devices" class="grid"></div><p id="devices-note" class="note"></p></section>
  <section aria-labelledby="releases-h"><h2 id="releases-h">Releases</h2><div id="releases"></div></section>
  <section aria-labelledby="trust-h"><h2 id="trust-h">Trust</h2><div id="trust"></div></section>
  </div>
</main>
<dialog id="device" aria-label="Device"><form method="dialog"><button class="close" aria-label="Close">✕</button></form><div id="device-body"></div></dialog>
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
