// What stands on the fake GitHub, as a person would see it: `node look.mjs FORGE WHAT …`. Read by scripts/demo/pulls.sh.

const [forge, what, ...given] = process.argv.slice(2);
const ask = async (verb, words = {}) => {
  const answer = await fetch(`${forge}/_control/${verb}`, { method: "POST", body: JSON.stringify(words), headers: { "content-type": "application/json" } });
  if (!answer.ok) throw new Error(`${verb}: ${answer.status} ${await answer.text()}`);
  return answer.json();
};
const state = what === "env" ? {} : await ask("state");
const faces = { "+1": "👍", "-1": "👎", confused: "😕", eyes: "👀", rocket: "🚀", hooray: "🎉", heart: "❤️", laugh: "😄" };
const signs = { success: "✓", failure: "✗", neutral: "○", action_required: "!", in_progress: "…", inactive: "○", error: "✗", cancelled: "○", skipped: "○" };

const of = (pull) => state.comments.filter((c) => c.number === Number(pull) && c.author === "github-actions[bot]");
const sticky = (pull) => {
  const found = of(pull)[0];
  if (!found) throw new Error(`pull request #${pull} has no comment of ours`);
  return found;
};

// Without what is folded or hidden.
const folded = (body) => {
  let depth = 0;
  const kept = body.split("\n").map((line) => {
    const opens = (line.match(/<details/g) ?? []).length;
    const closes = (line.match(/<\/details>/g) ?? []).length;
    const before = depth;
    depth += opens - closes;
    const title = line.match(/<summary>(.*?)<\/summary>/)?.[1];
    if (title !== undefined && before + opens <= 1) return `▸ ${title}`;
    return before === 0 && opens === 0 && closes === 0 ? line : undefined;
  });
  return kept.filter((line) => line !== undefined).join("\n");
};
const short = (body) =>
  folded(body)
    .replace(/<!--[\s\S]*?-->\n?/g, "")
    .replace(/&#8203;/g, "")
    .replace(/<\/?(b|code|sub|strong|br)\/?>/g, "")
    .replace(/\n{2,}/g, "\n")
    .trim();

const looks = {
  // What a job finds in its environment about where GitHub is, one variable a line.
  env: async (slug, token) => Object.entries(await ask("env", { repo: slug, token })).map(([key, value]) => `${key}=${value}`),
  comment: (pull, how) => {
    const { id, body } = sticky(pull);
    return [how === "id" ? id : how === "short" ? short(body) : body];
  },
  comments: (pull) => [of(pull).filter((c) => !c.body.includes("offshoot:reply")).length],
  // The last answer to a command.
  reply: (pull) => [of(pull).length > 1 ? short(of(pull).at(-1).body) : ""],
  reactions: (id) => {
    const comment = state.comments.find((c) => c.id === Number(id));
    return [comment.reactions.map((r) => faces[r.split(" ").at(-1)] ?? r).join(" ")];
  },
  checks: (sha) =>
    state.checks
      .filter((c) => c.head_sha === sha)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((c) => `  check      ${signs[c.conclusion ?? c.status] ?? "?"} ${c.name}: ${c.conclusion ?? c.status}, ${c.title}`),
  deployments: () => {
    const latest = new Map(state.deployments.map((d) => [d.environment, d]));
    return [...latest.values()].map((d) => `  deployment ${signs[d.state] ?? "?"} ${d.environment}: ${d.state} at ${d.sha.slice(0, 7)}${d.url ? `, ${d.url}` : ""}`);
  },
  deployment: (environment) => [state.deployments.filter((d) => d.environment === environment).at(-1)?.state ?? "none"],
  url: (environment) => [state.deployments.filter((d) => d.environment === environment && d.url).at(-1)?.url ?? ""],
  violations: () => state.violations,
};
for (const line of await looks[what](...given)) console.log(line);
