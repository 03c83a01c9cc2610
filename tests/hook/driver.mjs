// Plays Offshoot's side of the hook protocol: starts the app with the hook, bundles all its functions with one esbuild run per group.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const HOOK = fileURLToPath(new URL('../../src/toolchain/hook.cjs', import.meta.url));

/** Runs `command` in `cwd` with the hook; gives its exit code, output and every message that the hook sent. */
export async function runHooked({ cwd, command, main, env = {}, answer = bundleAll, hashes, node = process.execPath }) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'hook-'));
  const [request, reply] = ['request', 'reply'].map((name) => path.join(dir, name));
  spawnSync('mkfifo', [request, reply]);
  const [requestFd, replyFd] = [request, reply].map((file) => fs.openSync(file, fs.constants.O_RDWR | fs.constants.O_NONBLOCK));
  const hookEnv = { OFFSHOOT_HOOK_REQUEST: request, OFFSHOOT_HOOK_REPLY: reply };
  if (main) hookEnv.OFFSHOOT_MAIN = main;
  else hookEnv.NODE_OPTIONS = `${env.NODE_OPTIONS ?? ''} --require ${HOOK}`;
  const [program, ...args] = main ? [node, HOOK, '--', ...(command ?? [])] : command;
  const started = performance.now();
  const child = spawn(program, args, { cwd, env: { ...process.env, ...env, ...hookEnv }, stdio: ['ignore', 'pipe', 'pipe'] });
  const run = { messages: [], functions: [], stdout: '', stderr: '', dir };
  child.stdout.on('data', (data) => (run.stdout += data));
  child.stderr.on('data', (data) => (run.stderr += data));

  const answers = new net.Socket({ fd: replyFd, readable: false, writable: true });
  const requests = new net.Socket({ fd: requestFd, readable: true, writable: false });
  let rest = '';
  const timer = setTimeout(() => child.kill('SIGKILL'), 120_000);
  const finished = new Promise((resolve) => child.on('close', resolve));
  requests.setEncoding('utf8').on('data', (data) => {
    const lines = (rest + data).split('\n');
    rest = lines.pop();
    for (const line of lines.map((text) => JSON.parse(text))) {
      run.messages.push(line);
      if (line.t === 'function') run.functions.push(line);
      if (line.t !== 'need') continue;
      const from = performance.now();
      const asked = run.functions.filter(({ id }) => line.ids.includes(id));
      for (const said of answer(asked, dir)) {
        const hash = hashes?.[asked.find(({ id }) => id === said.id).path];
        answers.write(`${JSON.stringify({ hash: hash ?? null, ...said })}\n`);
      }
      run.bundling_ms = performance.now() - from;
    }
  });
  run.code = await finished;
  clearTimeout(timer);
  run.wall_ms = performance.now() - started;
  await new Promise((resolve) => setTimeout(resolve, 20)); // what is still in the pipe
  requests.destroy();
  answers.destroy();
  return run;
}

/** One many-entry run for all functions of equal options; each bundle ends in a folder of its own. */
export function bundleAll(functions, dir) {
  const groups = new Map();
  for (const fn of functions) {
    const alone = fn.metafile || fn.args.some((arg) => /^--loader:.*=(file|copy)$/.test(arg)) ? fn.id : undefined;
    const key = JSON.stringify([alone, fn.cwd, fn.args, fn.env, fn.out_file]);
    groups.set(key, [...(groups.get(key) ?? []), fn]);
  }
  return [...groups.values()].flatMap((group) => bundleGroup(group, dir));
}

function bundleGroup(group, dir) {
  const [{ cwd, args, env, out_file, out_dir, metafile }] = group;
  const place = path.dirname(out_dir); // source maps name their sources relative to the place of the output
  const many = group.length > 1 || !metafile;
  const outputs = many
    ? [`--outdir=${place}`, ...(out_file.endsWith('.mjs') ? ['--out-extension:.js=.mjs'] : []), ...args, '--entry-names=[dir]/[name]']
    : [`--outfile=${path.join(out_dir, out_file)}`, `--metafile=${path.join(out_dir, 'index.meta.json')}`, ...args];
  const alone = group.length === 1;
  const folder = (fn) => (alone ? path.basename(fn.out_dir) : `offshoot-${fn.id}`);
  const entries = many ? group.map((fn) => `${folder(fn)}/index=${fn.entry}`) : [group[0].entry];
  const rooted = alone && many ? [`--outfile=${path.join(out_dir, out_file)}`, ...args] : outputs;
  const inputs = alone ? [group[0].entry] : entries;
  const binary = path.join(cwd, 'node_modules/.bin/esbuild');
  const esbuild = spawnSync(binary, ['--bundle', ...inputs, ...rooted, '--log-level=error', '--color=false'], {
    cwd,
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  if (esbuild.status !== 0 && !alone) return group.flatMap((fn) => bundleGroup([fn], dir));
  return group.map((fn) => {
    if (esbuild.status !== 0) return { id: fn.id, error: esbuild.stderr.trim() };
    const to = path.join(dir, `bundle-${fn.id}`);
    fs.renameSync(path.join(place, folder(fn)), to);
    return { id: fn.id, dir: to };
  });
}
