// A comment as a page, much as GitHub shows it: `node page.cjs FILE`. Needs the npm package `marked` on NODE_PATH.

const { readFileSync } = require("node:fs");
const { marked } = require("marked");

const alert = /<blockquote>\s*<p>\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\]\s*(?:<br>)?/g;
const body = marked
  .parse(readFileSync(process.argv[2], "utf8"), { gfm: true, breaks: true })
  .replace(alert, (_, kind) => `<blockquote class="${kind.toLowerCase()}"><p><strong>${kind[0]}${kind.slice(1).toLowerCase()}</strong><br>`);
const style = `
  body { font: 14px/1.5 -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; color: #1f2328; max-width: 860px; margin: 2em auto; padding: 16px; border: 1px solid #d1d9e0; border-radius: 6px }
  table { border-collapse: collapse; display: block; overflow: auto; margin-bottom: 16px } th, td { border: 1px solid #d1d9e0; padding: 6px 13px } tr:nth-child(2n) { background: #f6f8fa }
  code { background: #818b981f; padding: .2em .4em; border-radius: 6px; font: 85% ui-monospace, "SF Mono", Menlo, Consolas, monospace } pre { background: #f6f8fa; padding: 16px; overflow: auto } pre code { background: none; padding: 0 }
  blockquote { margin: 0 0 16px; padding: 0 1em; border-left: .25em solid #d1d9e0 } .warning { border-color: #9a6700 } .caution { border-color: #d1242f } .note { border-color: #0969da } .important { border-color: #8250df } .tip { border-color: #1a7f37 }
  summary { cursor: pointer } details { margin: 4px 0 }`;
console.log(`<!doctype html><meta charset="utf-8"><title>The comment of the pull request</title><style>${style}</style>\n${body}`);
