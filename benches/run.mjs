// `make bench`: Offshoot against the `cdk` CLI, same apps, same emulator, same run; prints a table and writes benches/results.md.
//
// OFFSHOOT_BIN  the binary (default target/release/offshoot)
// SIZES         which apps, such as S,M (default S,M,L)
// RUNS          runs of each command, of which the median counts (default 5); RUNS_L for L (default 3: one cdk run there takes minutes)
import { execFileSync } from "node:child_process";
import { appendFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { generate, EDITED, SIZES } from "./generate.mjs";
import { measure, median } from "./measure.mjs";
import { table, TARGETS } from "./table.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const work = join(root, ".run/bench");
const log = join(work, "log");
const offshoot = resolve(process.env.OFFSHOOT_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "release/offshoot"));
const sizes = (process.env.SIZES ?? "S,M,L").split(",").filter(Boolean);
const rig = (what) => execFileSync(join(root, "rigs/ministack.sh"), [what], { encoding: "utf8", env: { ...process.env, MINISTACK_RUN: join(root, ".run/ministack-bench") } }).trim();

const say = (text) => console.error(text);
const runsOf = (size) => Number(size === "L" ? (process.env.RUNS_L ?? process.env.RUNS ?? 3) : (process.env.RUNS ?? 5));

/** One app of one size, with both tools at hand. */
class App {
  constructor(size, env) {
    this.size = size;
    this.dir = join(work, size);
    this.env = env;
    this.edits = 0;
    this.caches = 0;
  }

  prepare() {
    rmSync(this.dir, { recursive: true, force: true });
    generate(this.size, this.dir);
    const modules = join(work, "node_modules");
    if (!existsSync(join(modules, ".complete"))) {
      this.sh("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
      rmSync(modules, { recursive: true, force: true });
      cpSync(join(this.dir, "node_modules"), modules, { recursive: true, verbatimSymlinks: true });
      writeFileSync(join(modules, ".complete"), "");
    } else {
      this.sh("cp", ["-al", modules, join(this.dir, "node_modules")]);
    }
    this.sh("git", ["init", "--quiet", "--initial-branch=main"]);
    this.commit();
  }

  commit() {
    this.sh("git", ["add", "--all"]);
    this.sh("git", ["-c", "user.name=Bench", "-c", "user.email=bench@example.invalid", "commit", "--quiet", "--allow-empty", "--message", "The app"]);
  }

  sh(command, args) {
    execFileSync(command, args, { cwd: this.dir, env: this.env, stdio: ["ignore", "ignore", "inherit"] });
  }

  /** Changes one function's code to something never seen before. */
  edit() {
    const file = join(this.dir, EDITED.file);
    writeFileSync(file, readFileSync(file, "utf8").replace(EDITED.line, EDITED.text(++this.edits)));
  }

  run(command, args, okCodes = [0]) {
    return measure(command, args, { cwd: this.dir, env: this.env, okCodes, log });
  }

  cdk(args, okCodes) {
    return this.run("npx", ["cdk", ...args, "--context", "stage=bench", "--no-notices"], okCodes);
  }

  offshoot(args, okCodes) {
    return this.run(offshoot, [...args, "--stage", "bench", "--quiet"], okCodes);
  }

  coldCache() {
    rmSync(join(this.dir, "cdk.out"), { recursive: true, force: true });
    return ["--cache-dir", join(work, "cold", `${this.size}-${++this.caches}`)];
  }
}

/** Runs `one` n times, after `before` each time; the runs, in order. */
async function times(n, before, one) {
  const runs = [];
  for (let run = 0; run < n; run++) {
    await before(run);
    runs.push(await one(run));
  }
  return runs;
}

const walls = (runs) => median(runs.map((run) => run.wall_s));
const nothing = () => {};

/** All rows of one size: [{ what, ours, theirs, target, … }]. */
async function measureSize(app, n) {
  const rows = [];
  const compare = async (what, target, before, ours, theirs) => {
    const mine = await times(n, before, ours);
    const other = await times(n, before, theirs);
    rows.push({ size: app.size, what, ours_s: walls(mine), theirs_s: walls(other), target });
    say(`  ${app.size} ${what}: offshoot ${walls(mine).toFixed(2)} s, cdk ${walls(other).toFixed(2)} s`);
    return mine;
  };
  const edit = () => app.edit();

  say(`${app.size}: deploying the app once with cdk`);
  await app.cdk(["deploy", "--all", "--require-approval", "never", "--progress", "events"]);
  say(`${app.size}: measuring, ${n} runs each`);
  await app.offshoot(["plan"]); // caches as warm as they are in daily use

  await compare("plan, nothing changed", TARGETS.plan[app.size], nothing, () => app.offshoot(["plan"]), () => app.cdk(["diff", "--all"]));
  const planned = await compare("plan, one function edited", TARGETS.plan[app.size], edit, () => app.offshoot(["plan", "--dirty"]), () => app.cdk(["diff", "--all"]));
  await compare(
    "deploy of that edit",
    TARGETS.deploy,
    edit,
    () => app.offshoot(["deploy", "--dirty"]),
    () => app.cdk(["deploy", "--all", "--require-approval", "never", "--progress", "events"]),
  );
  await compare(
    "deploy --fast of that edit",
    TARGETS.fast,
    edit,
    () => app.offshoot(["deploy", "--fast", "--dirty"]),
    () => app.cdk(["deploy", "--all", "--hotswap", "--require-approval", "never", "--progress", "events"]),
  );
  // The whole plan is timed, not only its bundling and synth: ours reads AWS too, cdk synth does not.
  const colds = [];
  await compare(
    "bundle + synth, cold caches",
    TARGETS.cold[app.size],
    () => colds.push(app.coldCache()),
    () => app.offshoot(["plan", "--dirty", "--format", "json", ...colds.at(-1)]),
    () => app.cdk(["synth", "--quiet"]),
  ).then((runs) => rows.push(...extras(app, runs, planned)));
  rmSync(join(work, "cold"), { recursive: true, force: true });
  return rows;
}

/** What the cold and the edited plans tell besides their wall time. */
function extras(app, colds, planned) {
  const timings = colds.map((run) => parseTimings(run.stdout)).filter(Boolean);
  const spent = (key) => (timings.some((t) => key in t) ? median(timings.map((t) => t[key] ?? 0)) : undefined);
  return [
    { size: app.size, what: "peak memory of the bundler", value: Math.max(...colds.map((run) => run.esbuild_peak_mb)), unit: "MB", limit: app.size === "L" ? TARGETS.memory_mb : undefined },
    { size: app.size, what: "our own CPU share, cold plan", value: 100 * median(colds.map((run) => run.own_cpu_s / run.wall_s)), unit: "%", limit: TARGETS.own_percent },
    { size: app.size, what: "our own CPU share, edited plan", value: 100 * median(planned.map((run) => run.own_cpu_s / run.wall_s)), unit: "%", limit: TARGETS.own_percent },
    ...["bundle", "synth"].filter((key) => spent(key) !== undefined).map((key) => ({ size: app.size, what: `of the cold plan: ${key}`, value: spent(key), unit: "s" })),
  ];
}

/** `timings` of a JSON plan, in seconds. */
function parseTimings(stdout) {
  try {
    return JSON.parse(stdout).timings;
  } catch {
    return undefined;
  }
}

async function main() {
  for (const size of sizes) if (!SIZES[size]) throw new Error(`SIZES has ${JSON.stringify(size)}: use ${Object.keys(SIZES).join(",")}`);
  if (!existsSync(offshoot)) throw new Error(`${offshoot} does not exist: run \`make build\`, or set OFFSHOOT_BIN`);
  mkdirSync(work, { recursive: true });
  writeFileSync(log, "");

  rig("stop"); // an account left from another run would not start empty
  const env = {
    ...process.env,
    AWS_ENDPOINT_URL: rig("start"),
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_REGION: "us-east-1",
    CDK_HOME: join(work, "cdk"),
    CDK_DISABLE_CLI_TELEMETRY: "true",
    GIT_CONFIG_GLOBAL: "/dev/null",
    XDG_CACHE_HOME: join(work, "cache"),
  };
  for (const name of ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "CI", "NODE_OPTIONS"]) delete env[name];

  const rows = [];
  try {
    const version = await times(20, nothing, () => measure(offshoot, ["--version"], { cwd: work, env, okCodes: [0], log, sample: false }));
    rows.push({ size: "", what: "offshoot --version", value: 1000 * walls(version), unit: "ms", limit: TARGETS.version_ms });
    let bootstrapped = false;
    for (const size of sizes) {
      const app = new App(size, env);
      say(`${size}: writing the app, installing its packages`);
      app.prepare();
      if (!bootstrapped) await measure(join(app.dir, "node_modules/.bin/cdk"), ["bootstrap", "aws://000000000000/us-east-1", "--no-notices"], { cwd: work, env, okCodes: [0], log });
      bootstrapped = true;
      rows.push(...(await measureSize(app, runsOf(size))));
    }
  } finally {
    rig("stop");
  }

  const text = report(rows);
  console.log(text);
  writeFileSync(join(root, "benches/results.md"), text);
  appendFileSync(log, `\n${text}`);
}

function report(rows) {
  const peer = JSON.parse(readFileSync(join(root, "benches/template/package.json"), "utf8"));
  return [
    "# Offshoot and the `cdk` CLI",
    "",
    `aws-cdk ${peer.devDependencies["aws-cdk"]}, aws-cdk-lib ${peer.dependencies["aws-cdk-lib"]}, esbuild ${peer.devDependencies.esbuild}, Node ${process.versions.node}, ` +
      `${cpus().length} CPUs, ${Math.round(totalmem() / 2 ** 30)} GB, Linux ${release().split("-")[0]}; AWS is the MiniStack emulator on the same machine, which answers in milliseconds. ` +
      `Median of ${sizes.map((size) => `${runsOf(size)} (${size})`).join(", ")}; wall time. Read the ratios, not the seconds.`,
    "",
    table(rows),
    "",
    "- `cdk` is `npx cdk diff|deploy|synth` as a developer types it; the app runs through `npx tsx`.",
    "- Cold: no cache of ours, no `cdk.out`; our time is that of a whole `offshoot plan`, which also reads AWS; npm packages are installed for both.",
    "- Memory: the sum of all esbuild processes alive at one moment. Own share: CPU time of the Offshoot process itself, without its children, against wall time.",
    "",
  ].join("\n");
}

main().catch((error) => {
  say(`bench: ${error.message}`);
  process.exit(1);
});
