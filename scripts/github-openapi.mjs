#!/usr/bin/env node
// Cuts the operations that the fake GitHub (tests/forge) serves out of GitHub's OpenAPI description: tests/forge/openapi.json.
// Usage: node scripts/github-openapi.mjs [api.github.com.json]   (without a file it is taken out of the npm package)
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const PACKAGE = "@octokit/openapi@23.0.2";
const MEMBER = "package/generated/api.github.com.json";

const REPO = "/repos/{owner}/{repo}";
const OPERATIONS = [
  "GET /app",
  "GET /app/installations",
  "GET /app/installations/{installation_id}",
  "POST /app/installations/{installation_id}/access_tokens",
  "GET /installation/repositories",
  "GET /orgs/{org}/teams/{team_slug}/memberships/{username}",
  "GET /rate_limit",
  "GET /user",
  "GET /users/{username}",
  `GET ${REPO}`,
  `GET ${REPO}/branches`,
  `GET ${REPO}/branches/{branch}`,
  `POST ${REPO}/check-runs`,
  `GET ${REPO}/check-runs/{check_run_id}`,
  `PATCH ${REPO}/check-runs/{check_run_id}`,
  `GET ${REPO}/check-runs/{check_run_id}/annotations`,
  `GET ${REPO}/collaborators/{username}/permission`,
  `GET ${REPO}/commits/{commit_sha}/pulls`,
  `GET ${REPO}/commits/{ref}`,
  `GET ${REPO}/commits/{ref}/check-runs`,
  `GET ${REPO}/commits/{ref}/status`,
  `GET ${REPO}/commits/{ref}/statuses`,
  `GET ${REPO}/compare/{basehead}`,
  `GET ${REPO}/contents/{path}`,
  `GET ${REPO}/deployments`,
  `POST ${REPO}/deployments`,
  `GET ${REPO}/deployments/{deployment_id}`,
  `DELETE ${REPO}/deployments/{deployment_id}`,
  `GET ${REPO}/deployments/{deployment_id}/statuses`,
  `POST ${REPO}/deployments/{deployment_id}/statuses`,
  `GET ${REPO}/git/ref/{ref}`,
  `GET ${REPO}/installation`,
  `GET ${REPO}/issues/comments/{comment_id}`,
  `PATCH ${REPO}/issues/comments/{comment_id}`,
  `DELETE ${REPO}/issues/comments/{comment_id}`,
  `GET ${REPO}/issues/comments/{comment_id}/reactions`,
  `POST ${REPO}/issues/comments/{comment_id}/reactions`,
  `DELETE ${REPO}/issues/comments/{comment_id}/reactions/{reaction_id}`,
  `GET ${REPO}/issues/{issue_number}/comments`,
  `POST ${REPO}/issues/{issue_number}/comments`,
  `GET ${REPO}/pulls`,
  `POST ${REPO}/pulls`,
  `GET ${REPO}/pulls/{pull_number}`,
  `PATCH ${REPO}/pulls/{pull_number}`,
  `GET ${REPO}/pulls/{pull_number}/commits`,
  `GET ${REPO}/pulls/{pull_number}/files`,
  `PUT ${REPO}/pulls/{pull_number}/merge`,
  `GET ${REPO}/pulls/{pull_number}/reviews`,
  `POST ${REPO}/pulls/{pull_number}/reviews`,
  `POST ${REPO}/statuses/{sha}`,
];

const DROPPED = new Set([
  "description", "example", "examples", "title", "externalDocs", "deprecated", "readOnly", "writeOnly", "discriminator", "default", "xml",
]);

function packaged() {
  const folder = mkdtempSync(join(tmpdir(), "openapi-"));
  try {
    const file = execFileSync("npm", ["pack", PACKAGE, "--silent"], { cwd: folder, encoding: "utf8" }).trim();
    return execFileSync("tar", ["-xzOf", file, MEMBER], { cwd: folder, encoding: "utf8", maxBuffer: 1 << 28 });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const whole = JSON.parse(process.argv[2] ? readFileSync(process.argv[2], "utf8") : packaged());
const wanted = new Set();

const at = (pointer) => pointer.slice(2).split("/").reduce((node, key) => node[key.replaceAll("~1", "/").replaceAll("~0", "~")], whole);
const followed = (node) => (node?.$ref ? followed(at(node.$ref)) : node);

/** A schema of OpenAPI 3.0 as one of JSON Schema Draft 4: `nullable` is written out, prose is left out. */
function schema(node) {
  if (Array.isArray(node)) return node.map(schema);
  if (node === null || typeof node !== "object") return node;
  if (node.$ref) {
    const name = node.$ref.replace("#/components/schemas/", "");
    wanted.add(name);
    return { $ref: `#/schemas/${name}` };
  }
  const out = {};
  for (const [key, value] of Object.entries(node)) {
    if (DROPPED.has(key) || key.startsWith("x-") || key === "nullable") continue;
    out[key] = key === "properties" ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, schema(v)])) : schema(value);
    if (key === "enum" || key === "required") out[key] = value;
  }
  if (!node.nullable) return out;
  if (out.enum && !out.enum.includes(null)) out.enum = [...out.enum, null];
  if (out.type) return { ...out, type: [out.type, "null"] };
  return Object.keys(out).length ? { anyOf: [{ type: "null" }, out] } : out;
}

function body(holder) {
  const media = Object.entries(followed(holder)?.content ?? {}).find(([type]) => type === "application/json");
  return media?.[1].schema ? schema(media[1].schema) : null;
}

const operations = {};
for (const operation of OPERATIONS) {
  const [method, path] = operation.split(" ");
  const found = whole.paths[path]?.[method.toLowerCase()];
  if (!found) throw new Error(`the description has no ${operation}`);
  const query = {};
  for (const parameter of (found.parameters ?? []).map(followed)) {
    if (parameter.in === "query") query[parameter.name] = { required: parameter.required === true, schema: schema(parameter.schema) };
  }
  const replies = Object.fromEntries(Object.entries(found.responses).map(([status, reply]) => [status, body(reply)]));
  operations[found.operationId] = {
    method, path, query, bodyRequired: followed(found.requestBody)?.required === true, body: body(found.requestBody), replies,
  };
}

// Where GitHub answers otherwise than it says: the fork of a pull request may be gone, and its owner too; addresses that a
// deployment's status was not given are empty texts.
function corrected(name, made) {
  const head = made.properties?.head?.properties;
  if (name.startsWith("pull-request") && head?.repo) {
    for (const key of ["repo", "user"].filter((key) => head[key])) head[key] = { anyOf: [{ type: "null" }, head[key]] };
  }
  if (name === "deployment-status") {
    for (const key of ["environment_url", "log_url", "target_url"]) delete made.properties[key].format;
  }
  return made;
}

const schemas = {};
for (let open = [...wanted]; open.length; open = [...wanted].filter((name) => !(name in schemas))) {
  for (const name of open) schemas[name] = corrected(name, schema(whole.components.schemas[name]));
}

const target = join(dirname(fileURLToPath(import.meta.url)), "../tests/forge/openapi.json");
const sorted = Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1)));
const text = JSON.stringify({ from: `${PACKAGE} ${whole.info.version}`, operations, schemas: sorted });
writeFileSync(target, `${text}\n`);
console.log(`${OPERATIONS.length} operations, ${Object.keys(schemas).length} schemas, ${text.length} bytes`);
