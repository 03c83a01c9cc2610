#!/usr/bin/env node
// Takes the example payloads of the events that mean something to Offshoot out of @octokit/webhooks-examples: tests/forge/payloads.json.
// Usage: node scripts/github-payloads.mjs [api.github.com/index.json]   (without a file it is taken out of the npm package)
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const PACKAGE = "@octokit/webhooks-examples@7.6.1";
const MEMBER = "package/api.github.com/index.json";
const EVENTS = [
  "check_run", "check_suite", "create", "delete", "issue_comment", "merge_group", "ping", "pull_request", "pull_request_review",
  "push", "schedule", "workflow_dispatch",
];

function packaged() {
  const folder = mkdtempSync(join(tmpdir(), "payloads-"));
  try {
    const file = execFileSync("npm", ["pack", PACKAGE, "--silent"], { cwd: folder, encoding: "utf8" }).trim();
    return execFileSync("tar", ["-xzOf", file, MEMBER], { cwd: folder, encoding: "utf8", maxBuffer: 1 << 28 });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const whole = JSON.parse(process.argv[2] ? readFileSync(process.argv[2], "utf8") : packaged());
const payloads = whole
  .filter(({ name }) => EVENTS.includes(name))
  .flatMap(({ name, examples }) => examples.map((payload) => ({ event: name, payload })));
const target = join(dirname(fileURLToPath(import.meta.url)), "../tests/forge/payloads.json");
const text = `[\n${payloads.map((payload) => JSON.stringify(payload)).join(",\n")}\n]\n`;
writeFileSync(target, text);
console.log(`${payloads.length} payloads, ${text.length} bytes`);
