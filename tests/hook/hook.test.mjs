// The hook against the library itself: the same app, with and without it, must leave the same assembly, byte for byte.
//
// OFFSHOOT_TEST_CDK: folder with (or for) one installation per version, `<folder>/<version>/node_modules`; missing ones are installed.
// OFFSHOOT_TEST_CDK_VERSIONS: versions of aws-cdk-lib to try, 2.274.0 when not given.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { differences } from './compare.mjs';
import { bundleAll, runHooked } from './driver.mjs';

const APP = fileURLToPath(new URL('app', import.meta.url));
const INSTALLED = process.env.OFFSHOOT_TEST_CDK ?? path.join(os.tmpdir(), 'offshoot-hook-test');
const VERSIONS = (process.env.OFFSHOOT_TEST_CDK_VERSIONS ?? '2.274.0').split(',');
const TOOLS = ['constructs@10', 'aws-cdk@2.1148.1', 'esbuild@0.28.2', 'tsx@4'];
const CONTEXT = {
  'aws:cdk:enable-path-metadata': true,
  'aws:cdk:enable-asset-metadata': true,
  'aws:cdk:version-reporting': true,
  'aws:cdk:bundling-stacks': ['**'],
};

function install(version) {
  const dir = path.join(INSTALLED, version);
  if (fs.existsSync(path.join(dir, 'node_modules/aws-cdk-lib'))) return path.join(dir, 'node_modules');
  fs.mkdirSync(dir, { recursive: true });
  fs.writeFileSync(path.join(dir, 'package.json'), '{"private":true}');
  execFileSync('npm', ['install', '--no-audit', '--no-fund', `aws-cdk-lib@${version}`, ...TOOLS], { cwd: dir, stdio: 'inherit' });
  return path.join(dir, 'node_modules');
}

for (const version of VERSIONS) {
  describe(`aws-cdk-lib ${version}`, () => {
    let cwd;
    before(() => {
      cwd = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), 'hook-app-'));
      fs.cpSync(APP, cwd, { recursive: true });
      fs.symlinkSync(install(version), path.join(cwd, 'node_modules'));
    });
    after(() => fs.rmSync(cwd, { recursive: true, force: true }));

    const environment = (parts, context = {}, more = {}) => ({
      ...{ CDK_OUTDIR: 'cdk.out', CDK_DEFAULT_REGION: 'us-east-1', CDK_VALIDATION: 'false', APP_ONLY: parts },
      ...{ CDK_CONTEXT_JSON: JSON.stringify({ ...CONTEXT, ...context }), ...more },
    });

    /** Runs the app without the hook and keeps its assemblies aside. */
    function reference(command, env) {
      for (const dir of ['cdk.out', 'cdk.ref', 'second.out', 'second.ref']) fs.rmSync(path.join(cwd, dir), { recursive: true, force: true });
      const run = spawnSync(command[0], command.slice(1), { cwd, env: { ...process.env, ...env }, encoding: 'utf8' });
      assert.equal(run.status, 0, run.stderr);
      for (const name of ['cdk', 'second']) {
        if (fs.existsSync(path.join(cwd, `${name}.out`))) fs.renameSync(path.join(cwd, `${name}.out`), path.join(cwd, `${name}.ref`));
      }
    }

    function compared(run) {
      assert.equal(run.code, 0, run.stderr);
      const made = ['cdk', 'second'].filter((name) => fs.existsSync(path.join(cwd, `${name}.ref`)));
      assert.deepEqual(made.flatMap((name) => differences(path.join(cwd, `${name}.ref`), path.join(cwd, `${name}.out`))), []);
      assert.equal(run.messages.filter(({ t }) => t === 'hello').length, 1);
      return run;
    }

    /** The assembly of an app with the hook is the one without it. */
    async function same(parts, { context, more, command = ['node', 'bin/app.js'], ...how } = {}) {
      const env = environment(parts, context, more);
      reference(command, env);
      return compared(await runHooked({ cwd, env, command, ...how }));
    }

    const said = (run, type) => run.messages.filter(({ t }) => t === type);
    const own = (run) => Object.fromEntries(said(run, 'fallback').map((message) => [message.path, message.why]));

    test('every option, synthesizer, stage and nested stack: equal to what `cdk synth` leaves', async () => {
      const dump = path.join(cwd, 'env.json');
      const cdk = ['npx', 'cdk', 'synth', '--quiet', '--no-notices', '--no-validation', '-o', 'cdk.out'];
      reference(cdk, { DUMP_ENV: dump, CDK_DISABLE_CLI_TELEMETRY: 'true', AWS_REGION: 'us-east-1' });
      const { CDK_ERROR_FILE, CDK_PERF_COUNTERS_FILE, ...env } = JSON.parse(fs.readFileSync(dump, 'utf8'));
      const run = compared(await runHooked({ cwd, env, command: ['node', 'bin/app.js'] }));
      const { 'Options/DollarBanner': _, ...left } = own(run); // older libraries go through a shell
      assert.deepEqual(left, {
        'Options/HooksFull': 'runs other commands beside esbuild (commandHooks)',
        'Options/CustomHash': 'sets its own asset hash',
        'Options/Analyze': 'uses the esbuild argument --analyze',
        'Order/Broken': 'runs other commands beside esbuild (commandHooks)',
        'Legacy/Fn': 'is in a stack with a synthesizer of its own',
      });
      fs.rmSync(path.join(cwd, 'cdk.out'), { recursive: true });
      compared(await runHooked({ cwd, env, main: path.join(cwd, 'bin/app.js') }));
    });

    test('hashes that Offshoot knows are taken over, and nothing is fingerprinted', async () => {
      const first = await same('versions,nestedStacks');
      const hashes = Object.fromEntries(said(first, 'hashed').map(({ id, hash }) => [first.functions[id].path, hash]));
      const again = await same('versions,nestedStacks', { hashes });
      assert.equal(Object.keys(hashes).length, first.functions.length);
      assert.deepEqual(said(again, 'hashed'), []);
      assert.equal(said(again, 'need').length, 1);
    });

    test('a salt for all hashes: known hashes do not count and none is learned', async () => {
      const hashes = { 'Versions/Fn': '0'.repeat(64) };
      const run = await same('versions', { hashes, context: { '@aws-cdk/core:assetHashSalt': 'salt' } });
      assert.deepEqual(said(run, 'hashed'), []);
    });

    test('metadata switched off, staging switched off', async () => {
      await same('orderOfAssets,nestedStacks', { context: { 'aws:cdk:enable-asset-metadata': false, 'aws:cdk:version-reporting': false } });
      await same('orderOfAssets,stages', { context: { 'aws:cdk:disable-asset-staging': true } });
    });

    test('stacks that need no bundling ask for none', async () => {
      assert.deepEqual((await same('orderOfAssets', { context: { 'aws:cdk:bundling-stacks': [] } })).functions, []);
    });

    test('an app that reads a hash while it builds its tree gets the real one', async () => {
      assert.equal(said(await same('sharedCode', { more: { APP_READS_HASH: '1' } }), 'need').length, 2);
    });

    test('synth twice, and two apps', async () => {
      await same('twice');
      await same('secondApp');
    });

    test('Offshoot may send functions back to the library', async () => {
      await same('orderOfAssets,stages', { answer: (functions) => functions.map(({ id }) => ({ id, own: true })) });
    });

    test('an app of ECMAScript modules, directly and by tsx; its children stay silent', async () => {
      assert.equal(said(await same('', { command: ['node', 'bin/app.mjs'] }), 'done')[0].complete, false);
      await same('', { command: ['npx', 'tsx', 'bin/app.mjs'] });
      await same('', { command: ['npx', 'tsx', 'bin/typed.ts'] });
    });

    test('TypeScript that Offshoot has transpiled runs under its own name', async () => {
      const main = path.join(cwd, 'bin/typed.ts');
      const esbuild = ['npx', 'esbuild', main, '--format=cjs', '--platform=node', '--sourcemap=inline', '--outfile=transpiled.js'];
      spawnSync(esbuild[0], esbuild.slice(1), { cwd });
      fs.writeFileSync(path.join(cwd, 'map.json'), JSON.stringify({ [main]: path.join(cwd, 'transpiled.js') }));
      reference(['npx', 'tsx', main], environment(''));
      const env = environment('', {}, { OFFSHOOT_TRANSPILED: path.join(cwd, 'map.json') });
      const run = await runHooked({ cwd, env, main, command: ['a', '--b'] });
      assert.equal(run.code, 0, run.stderr);
      assert.deepEqual(JSON.parse(run.stdout), { argv: [main, 'a', '--b'], main: true, file: main });
      const differing = differences(path.join(cwd, 'cdk.ref'), path.join(cwd, 'cdk.out'));
      const traced = /(\.metadata|manifest)\.json$/; // hold stack traces of the app, with tsx in them
      assert.deepEqual(differing.filter((line) => !traced.test(line)), []);
      const files = ['typed.ts', 'names.ts'].map((name) => path.join(cwd, 'bin', name));
      assert.deepEqual(said(run, 'done')[0], { t: 'done', files, complete: true });
    });

    test("a function that does not build ends the app with the function's path and esbuild's words", async () => {
      const run = await runHooked({ cwd, env: environment('broken'), command: ['node', 'bin/app.js'] });
      assert.equal(run.code, 1);
      assert.match(run.stderr, /bundling Broken\/Bad \(.*src\/bad\.ts\):/);
      assert.match(run.stderr, /src\/bad\.ts:2:12: ERROR: Unexpected ";"|Unexpected ";"[^]*src\/bad\.ts:2:12/);
      assert.doesNotMatch(run.stderr, /bundling Broken\/Fn/);
    });

    test('a library with another inside is left alone, and that is said once', async () => {
      const run = await same('', { command: ['node', 'bin/unknown.js'] });
      assert.deepEqual(Object.keys(own(run)), ['*']);
      assert.match(own(run)['*'], /unknown inside \(AssetStaging\.assetCache/);
      assert.deepEqual(run.functions, []);
    });

    test('what is asked for carries all that the bundler needs', async () => {
      const run = await runHooked({ cwd, env: environment('versions'), command: ['node', 'bin/app.js'], answer: bundleAll });
      const { out_dir, ...request } = run.functions[0];
      assert.match(out_dir, /cdk\.out\/bundling-temp-[0-9a-f]{64}(-building)?$/);
      assert.deepEqual(request, {
        ...{ t: 'function', id: 0, path: 'Versions/Fn', entry: path.join(cwd, 'src/a.ts'), cwd, env: null },
        args: ['--target=node18', '--platform=node', '--external:@aws-sdk/*'],
        ...{ out_file: 'index.js', metafile: false, lock: path.join(cwd, 'package-lock.json'), esbuild_version: '0.28.2' },
      });
    });
  });
}
