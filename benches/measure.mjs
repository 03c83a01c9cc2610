// Runs one command and measures it from outside: wall time, its own CPU time, the peak memory of the esbuild processes below it.
import { spawn } from "node:child_process";
import { appendFileSync, readdirSync, readFileSync } from "node:fs";

const SAMPLE_EVERY_MS = 20;
const TICKS_PER_S = 100; // USER_HZ, the same on every Linux that Node runs on
const LIMIT_MS = 20 * 60_000;

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const read = (path) => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // the process has ended meanwhile
  }
};

/** User and system time of one process, without its children. */
function cpuSeconds(pid) {
  const stat = read(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields.length > 12 ? (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S : 0;
}

/** The processes below this one; a child is listed under the thread that started it. */
function descendants(pid) {
  const found = [];
  const open = [String(pid)];
  while (open.length > 0) {
    const parent = open.pop();
    const children = threads(parent).flatMap((thread) => read(`/proc/${parent}/task/${thread}/children`).split(" ").filter(Boolean));
    found.push(...children);
    open.push(...children);
  }
  return found;
}

function threads(pid) {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** Memory, in MB, that the esbuild processes below this one hold now. */
function esbuildMemory(pid) {
  let kb = 0;
  for (const child of descendants(pid)) {
    const status = read(`/proc/${child}/status`);
    if (!/^Name:\s+esbuild$/m.test(status)) continue;
    kb += Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  }
  return kb / 1024;
}

/** Runs to the end; an exit code that is not expected is an error that shows what the command said. */
export function measure(command, args, { cwd, env, okCodes, log, sample = true }) {
  return new Promise((done, fail) => {
    const started = process.hrtime.bigint();
    const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    const out = [];
    const all = [];
    let ownCpu = 0;
    let esbuildPeak = 0;
    child.stdout.on("data", (bytes) => (out.push(bytes), all.push(bytes)));
    child.stderr.on("data", (bytes) => all.push(bytes));
    const look = () => {
      ownCpu = Math.max(ownCpu, cpuSeconds(child.pid));
      esbuildPeak = Math.max(esbuildPeak, esbuildMemory(child.pid));
    };
    const sampler = sample ? setInterval(look, SAMPLE_EVERY_MS) : undefined;
    const limit = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
    let wall_s;
    child.on("exit", () => {
      wall_s = Number(process.hrtime.bigint() - started) / 1e9;
      clearInterval(sampler);
      clearTimeout(limit);
    });
    child.on("error", fail);
    child.on("close", (code, signal) => {
      const said = Buffer.concat(all).toString();
      appendFileSync(log, `\n$ ${command} ${args.join(" ")}   # ${wall_s?.toFixed(3)} s, exit ${code ?? signal}\n${said}`);
      if (!okCodes.includes(code)) {
        fail(new Error(`${command} ${args.join(" ")} ended with ${code ?? signal} in ${cwd}:\n${said.slice(-3000)}`));
        return;
      }
      done({ wall_s, own_cpu_s: ownCpu, esbuild_peak_mb: esbuildPeak, stdout: Buffer.concat(out).toString() });
    });
  });
}
