// Loaded into a CDK app's Node process: hands the bundling of NodejsFunction over to Offshoot, which bundles all functions at once.
//
// Everything stays the library's own (the same constructs, hence the same tree, names and metadata) except two calls.
// `AssetStaging.stageByBundling` sends the esbuild arguments to Offshoot in place of running them, and the synthesizer's
// `addFileAsset` is put off until the hash is known; bucket and key are Lazy meanwhile. What looks unfamiliar is left to
// the library, and said in a "fallback" message.
'use strict';
const Module = require('module');
if (process.env.OFFSHOOT_COMPILE_CACHE) Module.enableCompileCache?.(process.env.OFFSHOOT_COMPILE_CACHE);
const fs = require('fs');
const path = require('path');

// ---- the two pipes: one JSON message a line ---------------------------------------------------------------------

class Pipes {
  constructor(request, reply) {
    this.out = fs.openSync(request, 'a');
    this.in = fs.openSync(reply, 'r');
    this.rest = Buffer.alloc(0);
  }

  send(message) {
    const bytes = Buffer.from(`${JSON.stringify(message)}\n`);
    for (let sent = 0; sent < bytes.length; ) sent += fs.writeSync(this.out, bytes, sent);
  }

  /** Blocks until Offshoot has said something. */
  receive() {
    const chunk = Buffer.alloc(65536);
    for (;;) {
      const end = this.rest.indexOf(10);
      if (end >= 0) {
        const line = this.rest.toString('utf8', 0, end);
        this.rest = this.rest.subarray(end + 1);
        return JSON.parse(line);
      }
      const size = fs.readSync(this.in, chunk, 0, chunk.length, null);
      if (size === 0) throw new Error('Offshoot closed the pipe that brings bundled functions.');
      this.rest = Buffer.concat([this.rest, chunk.subarray(0, size)]);
    }
  }
}

let pipes; // of the one process that loads aws-cdk-lib first, undefined in every other
let asked = false;

/** Makes this process the one that talks to Offshoot; its children inherit no pipes and stay silent. */
function claim() {
  if (asked) return pipes !== undefined;
  asked = true;
  const { OFFSHOOT_HOOK_REQUEST: request, OFFSHOOT_HOOK_REPLY: reply } = process.env;
  if (!request || !reply || !require('worker_threads').isMainThread) return false;
  delete process.env.OFFSHOOT_HOOK_REQUEST;
  delete process.env.OFFSHOOT_HOOK_REPLY;
  pipes = new Pipes(request, reply);
  process.on('exit', () => pipes.send({ t: 'done', files: localFiles() }));
  return true;
}

function localFiles() {
  const foreign = `${path.sep}node_modules${path.sep}`;
  return Object.keys(require.cache).filter((file) => file !== __filename && !file.includes(foreign));
}

// ---- functions taken out, waiting for their asset ------------------------------------------------------------------

const waiting = []; // in the order in which the constructs came to be
let nextId = 0;

/** One function whose bundle comes from Offshoot. Its AssetStaging and Asset hold placeholders until `settle`. */
class Taken {
  constructor(lib, staging, bundleItself, request) {
    Object.assign(this, { lib, staging, bundleItself, id: nextId++, path: request.path, entry: request.entry });
    this.asset = staging.node.scope;
    this.placeholder = `offshoot-function-${this.id}`;
    pipes.send({ t: 'function', id: this.id, ...request });
    waiting.push(this);
  }

  /** What AssetStaging takes over as the result of its bundling. */
  staged() {
    return { assetHash: this.placeholder, stagedPath: this.placeholder, packaging: 'zip', isArchive: true };
  }

  /** Stands in for the synthesizer's addFileAsset, whose call is kept for later. */
  addLater(synthesizer, source) {
    const files = manifestFiles(synthesizer);
    this.files = files;
    this.before = Object.keys(files).length;
    this.addFileAsset = (real) => synthesizer.addFileAsset({ ...source, ...real });
    const lazy = (name) => this.lib.Lazy.string({ produce: () => this.value('location')[name] });
    const names = ['bucketName', 'objectKey', 'httpUrl', 's3ObjectUrl', 's3Url'];
    return Object.fromEntries(names.map((name) => [name, lazy(name)]));
  }

  /** Once the Asset is made: its path is Lazy, and whoever reads the hash itself gets the real one, by waiting for it. */
  hidePlaceholders() {
    const now = (object, name) =>
      Object.defineProperty(object, name, {
        configurable: true,
        enumerable: true,
        get: () => this.value(name),
        set: (value) => Object.defineProperty(object, name, { value, writable: true }),
      });
    now(this.asset, 'assetHash');
    now(this.asset, 'sourceHash');
    for (const name of ['assetHash', 'stagedPath', 'absoluteStagedPath']) now(this.staging, name);
    this.asset.assetPath = this.lib.Lazy.string({ produce: () => this.value('assetPath') });
  }

  /** A real value in place of a placeholder, asking for it when it is not there yet. */
  value(name) {
    if (!this.real) settleAll();
    if (!this.real) throw new Error(this.complaint());
    return this.real[name];
  }

  complaint() {
    return `bundling ${this.path} (${this.entry}):\n${this.reply?.error ?? 'no bundle came'}`;
  }

  /** Puts the asset into the assembly and registers it, as AssetStaging and Asset would have done at once. */
  settle() {
    const { staging, lib } = this;
    const { assetHash, stagedPath } = this.reply.own ? this.bundleItself() : this.stageReply();
    const real = { assetHash, sourceHash: assetHash, stagedPath, absoluteStagedPath: stagedPath };
    this.real = real;
    real.assetPath = staging.relativeStagedPath(lib.Stack.of(staging));
    real.location = this.addFileAsset({ sourceHash: assetHash, fileName: real.assetPath });
  }

  stageReply() {
    const { staging, lib } = this;
    const { dir, hash } = this.reply;
    // A salt changes every hash of the app: then a hash known from elsewhere does not count.
    const salted = Boolean(staging.fingerprintOptions.extraHash);
    const assetHash = hash && !salted ? hash : lib.FileSystem.fingerprint(dir, staging.fingerprintOptions);
    if (!hash && !salted) pipes.send({ t: 'hashed', id: this.id, hash: assetHash, dir });
    const stagedPath = path.resolve(staging.assetOutdir, `asset.${assetHash}`);
    copyAsset(dir, stagedPath);
    return { assetHash, stagedPath };
  }
}

/** Asks for everything that waits, blocks for the answers, and finishes the assets in the library's own order. */
function settleAll() {
  const batch = waiting.splice(0);
  if (batch.length === 0) return;
  const open = new Map(batch.map((taken) => [taken.id, taken]));
  pipes.send({ t: 'need', ids: [...open.keys()] });
  while (open.size > 0) {
    const reply = pipes.receive();
    if (open.has(reply.id)) open.get(reply.id).reply = reply;
    open.delete(reply.id);
  }
  const [bad, good] = [[], []];
  for (const taken of batch) (taken.reply.error === undefined ? good : bad).push(taken);
  for (const files of new Set(good.map((taken) => taken.files))) {
    addInOrder(files, good.filter((taken) => taken.files === files));
  }
  if (bad.length > 0) throw new Error(bad.map((taken) => taken.complaint()).join('\n'));
}

/** Adds late assets to a manifest at the places they would have had, so that assets.json keeps its order. */
function addInOrder(files, batch) {
  const known = Object.entries(files);
  for (const [hash] of known) delete files[hash];
  const putBack = ([hash, entry]) => {
    if (files[hash]) Object.assign(files[hash].destinations, entry.destinations);
    else files[hash] = entry;
  };
  let next = 0;
  for (const taken of batch) {
    while (next < Math.min(taken.before, known.length)) putBack(known[next++]);
    taken.settle();
  }
  known.slice(next).forEach(putBack);
}

function copyAsset(from, to) {
  if (fs.existsSync(to)) return;
  const building = `${to}-building-${process.pid}`;
  copyFolder(from, building);
  fs.renameSync(building, to);
}

function copyFolder(from, to) {
  fs.mkdirSync(to, { recursive: true });
  fs.chmodSync(to, 0o777); // the mode of the library's own bundling folder
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)];
    if (entry.isDirectory()) copyFolder(source, target);
    else fs.copyFileSync(source, target, fs.constants.COPYFILE_FICLONE);
  }
}

// ---- what a function would run -----------------------------------------------------------------------------------

/** A reason why a function is left to the library, in words for people. */
class OwnWay extends Error {}

// Arguments that only mean the same thing when esbuild builds one entry by itself.
const ALONE = /^--(bundle|outdir|outbase|entry-names|chunk-names|splitting|watch|serve|servedir|out-extension|analyze|version|help)\b/;

/** The esbuild call of one function, from the library itself: its local bundling runs with spawnSync only recorded. */
function esbuildCall(bundling, outDir) {
  const props = bundling.props;
  if (!props || !bundling.constructor.esbuildInstallation) throw new OwnWay('esbuild is not installed where the app can find it');
  if (props.forceDockerBundling || typeof bundling.local?.tryBundle !== 'function') throw new OwnWay('is bundled in Docker');
  if (props.nodeModules?.length) throw new OwnWay("uses nodeModules, which the app's own bundling installs");
  if (props.preCompilation) throw new OwnWay('uses preCompilation, which runs the TypeScript compiler first');

  const calls = recordSpawns(() => bundling.local.tryBundle(outDir, bundling));
  if (calls.length !== 1) throw new OwnWay(calls.length === 0 ? 'runs no esbuild' : 'uses commandHooks that run other commands');
  const { file, args, options } = calls[0];
  const words = file === 'bash' && args[0] === '-c' ? shellWords(args[1]) : [file, ...args];
  const bundle = words.indexOf('--bundle');
  if (bundle < 1 || path.basename(words[bundle - 1]) !== 'esbuild') throw new OwnWay('bundles by an unfamiliar command');
  return { ...readArguments(words.slice(bundle + 1), outDir), cwd: options.cwd, env: props.environment ?? null };
}

function readArguments(words, outDir) {
  const found = { entry: [], outfile: [], metafile: [] };
  const args = words.filter((word) => {
    const [, name] = /^--(outfile|metafile)=/.exec(word) ?? [];
    if (name) found[name].push(word.slice(name.length + 3));
    else if (!word.startsWith('-')) found.entry.push(word);
    else return true;
    return false;
  });
  const odd = args.find((word) => ALONE.test(word) || word === '--metafile' || word.includes(outDir));
  if (odd) throw new OwnWay(`uses the esbuild argument ${odd.replace(/=.*/s, '')}`);
  const { entry, outfile, metafile } = found;
  const inside = [...outfile, ...metafile].every((file) => path.dirname(file) === outDir);
  const meta = metafile.every((file) => path.basename(file) === 'index.meta.json');
  if (entry.length !== 1 || outfile.length !== 1 || metafile.length > 1 || !inside || !meta) {
    throw new OwnWay('gives esbuild other inputs or outputs than its entry');
  }
  return { entry: entry[0], args, out_file: path.basename(outfile[0]), metafile: metafile.length === 1 };
}

function recordSpawns(run) {
  const childProcess = require('child_process');
  const { spawnSync } = childProcess;
  const calls = [];
  childProcess.spawnSync = (file, args = [], options = {}) => {
    calls.push({ file, args, options });
    return { status: 0, signal: null, pid: 0, output: [null, '', ''], stdout: '', stderr: '' };
  };
  try {
    run();
  } finally {
    childProcess.spawnSync = spawnSync;
  }
  return calls;
}

/** The words of a simple shell command (older libraries run `bash -c`); whatever bash would replace or chain is refused. */
function shellWords(text) {
  const token = /'([^']*)'|"((?:[^"\\$`]|\\[^])*)"|\\([^])|([ \t\n]+)|([^\s'"\\$`|&;<>(){}~#]+)/gy;
  const words = [];
  let word;
  while (token.lastIndex < text.length) {
    const at = token.lastIndex;
    const part = token.exec(text);
    if (!part) throw new OwnWay(`is bundled by a shell command with ${JSON.stringify(text[at])} in it`);
    const [, single, double, escaped, space, plain] = part;
    if (space !== undefined) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + (single ?? double?.replace(/\\(?:\n|([$`"\\]))/g, '$1') ?? escaped ?? plain);
    }
  }
  return word === undefined ? words : [...words, word];
}

// ---- the patches of aws-cdk-lib -------------------------------------------------------------------------------------

/** The files of the asset manifest that this synthesizer adds to, when it is one of the library's that only adds. */
function manifestFiles(synthesizer) {
  return synthesizer.assetManifest?.files ?? (synthesizer.parentDeployment && manifestFiles(synthesizer.parentDeployment));
}

function onlyAdds(lib, synthesizer) {
  const plain = [lib.DefaultStackSynthesizer, lib.CliCredentialsStackSynthesizer].filter(Boolean);
  if (plain.some(({ prototype }) => synthesizer.addFileAsset === prototype.addFileAsset)) {
    return typeof manifestFiles(synthesizer) === 'object';
  }
  const nested = lib.NestedStackSynthesizer;
  return synthesizer.addFileAsset === nested?.prototype.addFileAsset && onlyAdds(lib, synthesizer.parentDeployment);
}

/** Looks at the inside of a library and patches it when everything is as known; the reason otherwise. */
function patchLibrary(root, Bundling) {
  const lib = require(path.join(root, 'core'));
  const { AssetStaging, Stage } = lib;
  const cache = AssetStaging?.assetCache?.cache;
  const known = {
    'Bundling.bundle': typeof Bundling?.bundle === 'function',
    'AssetStaging.stageByBundling': typeof AssetStaging?.prototype.stageByBundling === 'function',
    'AssetStaging.relativeStagedPath': typeof AssetStaging?.prototype.relativeStagedPath === 'function',
    'AssetStaging.assetCache': typeof cache?.delete === 'function',
    'Stage.synth': typeof Stage?.prototype.synth === 'function',
    'Stack.synthesizer': typeof lib.DefaultStackSynthesizer?.prototype.addFileAsset === 'function',
    Lazy: typeof lib.Lazy?.string === 'function',
    'FileSystem.fingerprint': typeof lib.FileSystem?.fingerprint === 'function',
  };
  const missing = Object.keys(known).find((name) => !known[name]);
  if (missing) return `this aws-cdk-lib has another inside than known (${missing})`;

  let binding; // the function whose code is being bound right now
  const { stageByBundling } = AssetStaging.prototype;
  const bundleDirSuffix = String(AssetStaging.prototype.bundle).includes('-building') ? '-building' : '';
  AssetStaging.prototype.stageByBundling = function (bundling, skip, ...others) {
    const itself = () => stageByBundling.call(this, bundling, skip, ...others);
    if (!binding || skip || bundling !== binding.bundling || binding.taken) return itself();
    try {
      if (this.hashType !== 'output') throw new OwnWay('sets its own asset hash');
      if (!this.fingerprintOptions || !this.assetOutdir || !this.cacheKey) throw new OwnWay('is staged in an unfamiliar way');
      const out_dir = path.resolve(this.assetOutdir, `bundling-temp-${this.cacheKey}${bundleDirSuffix}`);
      const call = esbuildCall(bundling, out_dir);
      const { version } = Bundling.esbuildInstallation;
      const request = { path: binding.path, ...call, lock: bundling.props.depsLockFilePath, esbuild_version: version ?? null, out_dir };
      binding.taken = new Taken(lib, this, () => restat(this, itself), request);
      return binding.taken.staged();
    } catch (error) {
      if (!(error instanceof OwnWay)) throw error;
      pipes.send({ t: 'fallback', path: binding.path, why: error.message });
      return itself();
    }
  };

  const bindCode = (code, bind, scope) => {
    const { synthesizer } = lib.Stack.of(scope);
    const bundling = code.options?.bundling;
    if (code.asset || !(bundling instanceof Bundling)) return bind.call(code, scope);
    if (!onlyAdds(lib, synthesizer)) {
      pipes.send({ t: 'fallback', path: scope.node.path, why: "its stack's synthesizer is not one of the library's" });
      return bind.call(code, scope);
    }
    const mine = (binding = { bundling, path: scope.node.path });
    const { addFileAsset } = synthesizer;
    synthesizer.addFileAsset = function (source) {
      const late = mine.taken?.placeholder === source.sourceHash;
      return late ? mine.taken.addLater(synthesizer, source) : addFileAsset.call(this, source);
    };
    try {
      return bind.call(code, scope);
    } finally {
      binding = undefined;
      delete synthesizer.addFileAsset;
      if (mine.taken) {
        cache.delete(mine.taken.staging.cacheKey);
        mine.taken.hidePlaceholders();
      }
    }
  };

  const { bundle } = Bundling;
  Bundling.bundle = function (...args) {
    const code = bundle.apply(this, args);
    const { bind } = code;
    Object.defineProperty(code, 'bind', { value: (scope) => bindCode(code, bind, scope), configurable: true, writable: true });
    return code;
  };

  const { synth } = Stage.prototype;
  Stage.prototype.synth = function (...args) {
    settleAll();
    return synth.apply(this, args);
  };
  return undefined;
}

/** AssetStaging forgets what it knows of its source once it is made; staging again needs it. */
function restat(staging, run) {
  if ('_sourceStats' in staging) staging._sourceStats = fs.statSync(staging.sourcePath);
  return run();
}

/** Waits for aws-cdk-lib, in whichever way it is loaded, and patches each copy of it once. */
function watchLibrary() {
  const load = Module._load;
  const seen = new Set();
  Module._load = function (request, parent) {
    const exported = load.apply(this, arguments);
    if (request !== './bundling' || !parent?.filename?.endsWith(LAMBDA_NODEJS)) return exported;
    const root = parent.filename.slice(0, -LAMBDA_NODEJS.length);
    if (!seen.has(root) && claim()) greet(root, exported.Bundling);
    seen.add(root);
    return exported;
  };
}

const LAMBDA_NODEJS = path.join('/aws-lambda-nodejs/lib', 'function.js');

function greet(root, Bundling) {
  const lib = require(path.join(root, 'package.json'));
  if (lib.name !== 'aws-cdk-lib') return;
  pipes.send({ t: 'hello', node: process.versions.node, lib: lib.version, lib_dir: root });
  const why = patchLibrary(root, Bundling);
  if (why) pipes.send({ t: 'fallback', path: '*', why });
}

// ---- the app's own TypeScript ----------------------------------------------------------------------------------------

/** Loads TypeScript from what Offshoot has transpiled already, under the file's own name, as ts-node would. */
function loadTypeScript(mapFile) {
  const transpiled = new Map(Object.entries(JSON.parse(fs.readFileSync(mapFile, 'utf8'))));
  process.setSourceMapsEnabled?.(true);
  for (const extension of ['.ts', '.tsx', '.mts', '.cts']) {
    Module._extensions[extension] = (module, file) => {
      const ready = transpiled.get(file);
      module._compile(ready ? fs.readFileSync(ready, 'utf8') : transpile(file), file);
    };
  }
  const resolve = Module._resolveFilename;
  Module._resolveFilename = function (request, parent, ...others) {
    if (/^\.\.?(\/|$)/.test(request) && transpiled.has(parent?.filename)) {
      const base = path.resolve(path.dirname(parent.filename), request);
      const stem = base.replace(/\.([cm]?)js$/, '.$1ts');
      const names = [stem, `${base}.ts`, `${base}.tsx`, stem.replace(/\.ts$/, '.tsx'), `${base}/index.ts`, `${base}/index.tsx`];
      const file = names.find((name) => transpiled.has(name));
      if (file && !isFile(base)) return file;
    }
    return resolve.call(this, request, parent, ...others);
  };
}

function isFile(file) {
  return fs.statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
}

function transpile(file) {
  const esbuild = Module.createRequire(file)('esbuild');
  const target = `node${process.versions.node}`;
  const options = { bundle: false, write: false, format: 'cjs', platform: 'node', sourcemap: 'inline', target, logLevel: 'silent' };
  return esbuild.buildSync({ ...options, entryPoints: [file] }).outputFiles[0].text;
}

// ---- start -------------------------------------------------------------------------------------------------------------

function runMain(main) {
  const given = process.argv.slice(2);
  process.argv.splice(1, Infinity, main, ...(given[0] === '--' ? given.slice(1) : given));
  delete process.env.OFFSHOOT_MAIN;
  Module._load(main, null, true);
}

if (process.env.OFFSHOOT_HOOK_REQUEST) {
  watchLibrary();
  const { OFFSHOOT_TRANSPILED: transpiled, OFFSHOOT_MAIN: main } = process.env;
  delete process.env.OFFSHOOT_TRANSPILED;
  if (transpiled) loadTypeScript(transpiled);
  if (main && require.main === module) claim(), runMain(main);
}
