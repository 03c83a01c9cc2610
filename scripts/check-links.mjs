// Checks every relative link and anchor in the Markdown files: `node scripts/check-links.mjs [root]`.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), ".."));
const SKIPPED = new Set(["node_modules", "target", "cdk.out"]);

function markdownFiles(dir) {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    // Hidden folders hold what was built or installed, except the forge's own.
    if (entry.isDirectory()) return SKIPPED.has(entry.name) || (entry.name.startsWith(".") && entry.name !== ".github") ? [] : markdownFiles(path);
    return entry.name.endsWith(".md") ? [path] : [];
  });
}

/** The text without code, in which brackets mean nothing; lines keep their numbers. */
function withoutCode(text) {
  let fence;
  return text
    .split("\n")
    .map((line) => {
      const mark = /^\s*(`{3,}|~{3,})/.exec(line)?.[1];
      if (fence) {
        if (mark?.startsWith(fence)) fence = undefined;
        return "";
      }
      if (mark) {
        fence = mark;
        return "";
      }
      return line.replace(/(`+)(?:(?!\1).)+\1/g, "");
    })
    .join("\n");
}

/** A heading's anchor, as GitHub makes it. */
function slug(heading) {
  return heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/<[^>]*>/g, "")
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, "")
    .replaceAll(" ", "-");
}

const anchorsOf = new Map();
function anchors(file) {
  if (!anchorsOf.has(file)) {
    const found = new Set();
    const text = readFileSync(file, "utf8");
    const headings = withoutFences(text).matchAll(/^ {0,3}#{1,6}\s+(.+?)\s*#*\s*$/gm);
    for (const [, heading] of headings) {
      const base = slug(heading.replaceAll("`", ""));
      let name = base;
      for (let again = 1; found.has(name); again++) name = `${base}-${again}`;
      found.add(name);
    }
    for (const [, name] of text.matchAll(/<a\s+(?:id|name)="([^"]+)"/g)) found.add(name);
    anchorsOf.set(file, found);
  }
  return anchorsOf.get(file);
}

function withoutFences(text) {
  return text.replace(/^\s*(`{3,}|~{3,})[\s\S]*?^\s*\1/gm, "");
}

function problemOf(file, target) {
  if (/^[a-z][a-z0-9+.-]*:/i.test(target) || target.startsWith("//")) return undefined;
  const [path, anchor] = target.split("#", 2).map((part) => decodeURIComponent(part ?? ""));
  const to = path === "" ? file : path.startsWith("/") ? join(root, path) : join(dirname(file), path);
  if (relative(root, to).startsWith("..")) return "leaves the repository";
  if (!existsSync(to)) return "no such file";
  if (!anchor || !statSync(to).isFile() || !to.endsWith(".md")) return undefined;
  return anchors(to).has(anchor.toLowerCase()) ? undefined : `no heading #${anchor}`;
}

let links = 0;
const problems = [];
const files = markdownFiles(root);
for (const file of files) {
  const lines = withoutCode(readFileSync(file, "utf8")).split("\n");
  lines.forEach((line, at) => {
    const inline = line.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+["'][^)]*)?\)/g);
    const defined = line.matchAll(/^ {0,3}\[[^\]]+\]:\s+<?(\S+?)>?(?:\s|$)/g);
    const html = line.matchAll(/\b(?:href|src)="([^"]+)"/g);
    for (const [, target] of [...inline, ...defined, ...html]) {
      links++;
      const problem = problemOf(file, target);
      if (problem) problems.push(`${relative(root, file)}:${at + 1}: ${target}: ${problem}`);
    }
  });
}
for (const problem of problems) console.error(problem);
console.error(`${links} links in ${files.length} documents, ${problems.length} broken`);
process.exit(problems.length === 0 ? 0 : 1);
