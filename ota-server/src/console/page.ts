import { DEFAULT_GATES, type Gates, type RolloutPlan, SHADOW_GATES } from "@mote/protocol";

/** What the form for rollouts begins with, by strategy. */
const FORM_GATES: Partial<Record<NonNullable<RolloutPlan["strategy"]>, Gates>> = {
  staged: DEFAULT_GATES,
  "blue-green": DEFAULT_GATES,
  "a-b": DEFAULT_GATES,
  shadow: { ...DEFAULT_GATES, telemetry: [...SHADOW_GATES] },
};

/** The empty page; the script fills it. All modules are asked for at once, not one after the other. */
export function pageOf(scripts: readonly string[]): string {
  const preload = scripts.map((path) => `<link rel="modulepreload" href="${path}">`).join("\n");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Mote</title>
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='6' fill='%232a78d6'/%3E%3C/svg%3E">
<link rel="stylesheet" href="/console/style.css">
${preload}
<script type="module" src="/console/main.js"></script>
</head>
<body>
<div id="page"><noscript>The console needs JavaScript; \`mote\` on the command line does not.</noscript></div>
<script type="application/json" id="default-gates">${JSON.stringify(FORM_GATES)}</script>
</body>
</html>
`;
}
