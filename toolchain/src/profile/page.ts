import { escapeHtml } from "./escape-html.js";

/**
 * One file, nothing loaded from anywhere: it can be mailed and archived.
 *
 * @param title plain text.
 * @param main HTML.
 */
export function htmlPage(title: string, style: string, main: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
${main}
</main>
</body>
</html>
`;
}
