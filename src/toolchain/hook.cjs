// Loaded into a CDK app's Node process: hands the bundling of functions over to Offshoot, which does it for all at once.
//
// Everything stays the library's own (the same constructs, hence the same tree, names and metadata) except two calls.
// `AssetStaging.stageByBundling` sends the esbuild arguments to Offshoot in place of running them, and the synthesizer's
// `addFileAsset` is put off until the hash is known; bucket and key are Lazy meanwhile. What looks unfamiliar is left to
// the library, and said in a "fallback" message. No frame of this file is on the stack while the app builds its tree:
// the library writes its callers into the assembly's metadata.
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
      const size = fs.readSync(this.in, chunk);
      if (size === 0) throw new Error('Offshoot closed the pipe that brings bundled functions.');
      this.rest = Buffer.concat([this.rest, chunk.subarray(0, size)]);
    }
  }
}

let pipes; // of the one process that loads aws-cdk-lib first; null in every other

/** Makes this process the one that talks to Offshoot; its children inherit no pipes and stay silent. */
function claim() {
  if (pipes !== undefined) return pipes !== null;
  pipes = null;
  const { OFFSHOOT_HOOK_REQUEST: request, OFFSHOOT_HOOK_REPLY: reply } = process.env;
  if (!request || !reply || !require('worker_threads').isMainThread) return false;
  delete process.env.OFFSHOOT_HOOK_REQUEST;
  delete process.env.OFFSHOOT_HOOK_REPLY;
  pipes = new Pipes(request, reply);
  process.on('exit', () => {
    const own = (file) => file !== __filename && !file.includes(`${path.sep}node_modules${path.sep}`);
    // Modules that came by `import` are not in this cache: then the list is not complete.
    pipes.send({ t: 'done', files: Object.keys(Module._cache).filter(own), complete: process.mainModule !== undefined });
  });
  return true;
}

// ---- functions taken out, waiting for their asset ------------------------------------------------------------------

const waiting = []; // in the order in which the constructs came to be
let nextId = 0;

/** One function whose bundle comes from Offshoot. Its AssetStaging and Asset hold placeholders until `settle`. */
class Taken {
  constructor(lib, staging, bundleItself, request) {
    Object.assign(this, { lib, staging, bundleItself, id: nextId++, path: request.path, entry: request.entry });
    this.placeholder = `offshoot-function-${this.id}`;
    this.synthesizer = lib.Stack.of(staging).synthesizer;
    this.synthesizer.addFileAsset = (source) => this.addLater(source); // the next call is this asset's
    pipes.send({ t: 'function', id: this.id, ...request });
    waiting.push(this);
  }

  /** Stands in for the synthesizer's addFileAsset, whose call is kept for later. */
  addLater(source) {
    const { synthesizer, lib } = this;
    delete synthesizer.addFileAsset;
    if (source.sourceHash !== this.placeholder) return synthesizer.addFileAsset(source);
    this.addFileAsset = (real) => synthesizer.addFileAsset({ ...source, ...real });
    const manifest = manifestOf(synthesizer);
    this.files = manifest.files;
    this.before = Object.keys(manifest.files).length;
    manifest.emitManifest = (...args) => {
      delete manifest.emitManifest; // an asset whose function never reaches a template is listed all the same
      settleAll();
      return manifest.emitManifest(...args);
    };
    this.hidePlaceholders();
    const lazy = (name) => lib.Lazy.string({ produce: () => this.value('location')[name] });
    return Object.fromEntries(['bucketName', 'objectKey', 'httpUrl', 's3ObjectUrl'].map((name) => [name, lazy(name)]));
  }

  /** The asset's path becomes Lazy; whoever reads the hash itself gets the real one, by waiting for it. */
  hidePlaceholders() {
    const { staging, lib } = this;
    const asset = staging.node.scope;
    lib.AssetStaging.assetCache.cache.delete(staging.cacheKey);
    const now = (object, name) => {
      const set = (value) => Object.defineProperty(object, name, { value, writable: true });
      Object.defineProperty(object, name, { configurable: true, enumerable: true, get: () => this.value(name), set });
    };
    ['assetHash', 'stagedPath', 'absoluteStagedPath'].forEach((name) => now(staging, name));
    ['assetHash', 'sourceHash'].forEach((name) => now(asset, name));
    asset.assetPath = lib.Lazy.string({ produce: () => this.value('assetPath') });
  }

  /** A real value in place of a placeholder, asking for it when it is not there yet. */
  value(name) {
    if (!this.real) settleAll();
    if (!this.real) throw new Error(complaint(this));
    return this.real[name];
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
    if (!fs.existsSync(stagedPath)) {
      copyFolder(dir, stagedPath);
      fs.chmodSync(stagedPath, 0o777); // as the library's own bundling folder
    }
    return { assetHash, stagedPath };
  }
}

const complaint = ({ path, entry, reply }) => `bundling ${path} (${entry}):\n${reply?.error ?? 'no bundle came'}`;

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
  const bad = batch.filter((taken) => taken.reply.error !== undefined);
  const good = batch.filter((taken) => !bad.includes(taken));
  for (const files of new Set(good.map((taken) => taken.files))) {
    addInOrder(files, good.filter((taken) => taken.files === files));
  }
  if (bad.length > 0) throw new Error(bad.map(complaint).join('\n'));
}

/** Adds late assets to a manifest at the places they would have had, so that assets.json keeps its order. */
function addInOrder(files, batch) {
  const known = Object.entries(files);
  for (const [hash] of known) delete files[hash];
  const putBack = ([hash, entry]) => {
    if (files[hash]) Object.assign(files[hash].destinations, entry.destinations);
    else files[hash] = entry;
  };
  const first = known.length;
  for (const taken of batch) {
    known.splice(0, taken.before - (first - known.length)).forEach(putBack);
    taken.settle();
  }
  known.forEach(putBack);
}

function copyFolder(from, to) {
  fs.mkdirSync(to);
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)];
    if (entry.isDirectory()) copyFolder(source, target);
    else fs.copyFileSync(source, target, fs.constants.COPYFILE_FICLONE);
  }
}

// ---- what a function would run -----------------------------------------------------------------------------------

/** A reason why a function is left to the library, in words for people. */
class OwnWay extends Error {}
const MORE = 'runs other commands beside esbuild (commandHooks)';

// Arguments that only mean the same thing when esbuild builds one entry by itself.
const ALONE = /^--(bundle|out(dir|base|-extension)|(entry|chunk)-names|splitting|watch|serve|servedir|analyze|version|help)\b/;

/** The esbuild call of one function, from the library itself: its local bundling runs with spawnSync only recorded. */
function esbuildCall(bundling, outDir) {
  const props = bundling.props;
  if (!props || !bundling.constructor.esbuildInstallation) throw new OwnWay('finds no esbuild in the app');
  if (props.forceDockerBundling || typeof bundling.local?.tryBundle !== 'function') throw new OwnWay('is bundled in Docker');
  if (props.nodeModules?.length) throw new OwnWay("uses nodeModules, which the app's own bundling installs");
  if (props.preCompilation) throw new OwnWay('uses preCompilation, which runs the TypeScript compiler first');

  const calls = recordSpawns(() => bundling.local.tryBundle(outDir, bundling));
  if (calls.length !== 1) throw new OwnWay(calls.length === 0 ? 'runs no esbuild' : MORE);
  const { file, args, options } = calls[0];
  const words = file === 'bash' && args[0] === '-c' ? shellWords(args[1]) : [file, ...args];
  const bundle = words.indexOf('--bundle');
  if (bundle < 1 || path.basename(words[bundle - 1]) !== 'esbuild') throw new OwnWay('bundles by an unfamiliar command');
  const from = { cwd: options.cwd, env: props.environment ?? null, lock: props.depsLockFilePath };
  const esbuild_version = bundling.constructor.esbuildInstallation.version ?? null;
  return { ...readArguments(words.slice(bundle + 1), outDir), ...from, esbuild_version };
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

/** The words of a simple `bash -c` command (older libraries); whatever bash would replace or chain is refused. */
function shellWords(text) {
  const token = /'([^']*)'|"((?:[^"\\$`]|\\[^])*)"|\\([^])|([ \t\n]+)|([^\s'"\\$`|&;<>(){}]+)/gy;
  const words = [];
  let word;
  while (token.lastIndex < text.length) {
    const [part, single, double, escaped, space, plain] = token.exec(text) ?? [];
    const rewritten = part === undefined || (word === undefined && /^[#~]/.test(plain));
    if (rewritten) throw new OwnWay(text.includes(' && ') ? MORE : 'has esbuild arguments that the shell rewrites');
    if (space !== undefined) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + (single ?? double?.replace(/\\(?:\n|([$`"\\]))/g, '$1') ?? escaped ?? plain);
    }
  }
  return word === undefined ? words : [...words, word];
}

// ---- the patch of aws-cdk-lib ----------------------------------------------------------------------------------------

/** The asset manifest that this synthesizer adds to, possibly through a parent stack's. */
function manifestOf(synthesizer) {
  return synthesizer.assetManifest ?? (synthesizer.parentDeployment && manifestOf(synthesizer.parentDeployment));
}

/** Whether adding an asset only writes to the manifest: then it may happen later. */
function onlyAdds(lib, synthesizer) {
  const is = (type) => type !== undefined && synthesizer.addFileAsset === type.prototype.addFileAsset;
  if (is(lib.NestedStackSynthesizer)) return onlyAdds(lib, synthesizer.parentDeployment);
  return (is(lib.DefaultStackSynthesizer) || is(lib.CliCredentialsStackSynthesizer)) && Boolean(manifestOf(synthesizer)?.files);
}

// What of the library's inside this file builds on.
const KNOWN =
  'AssetStaging.prototype.stageByBundling AssetStaging.prototype.relativeStagedPath AssetStaging.assetCache.cache.delete ' +
  'DefaultStackSynthesizer.prototype.addFileAsset FileSystem.fingerprint Lazy.string Stack.of';

function patchLibrary(lib, Bundling) {
  const { prototype } = lib.AssetStaging;
  const { stageByBundling } = prototype;
  const suffix = String(prototype.bundle).includes('-building') ? '-building' : '';
  prototype.stageByBundling = function (bundling, skip, ...others) {
    const itself = () => {
      // AssetStaging forgets this once it is made, but needs it when Offshoot sends a function back.
      if ('_sourceStats' in this) this._sourceStats ??= fs.statSync(this.sourcePath);
      return stageByBundling.call(this, bundling, skip, ...others);
    };
    if (skip || !(bundling instanceof Bundling)) return itself();
    const name = (this.node.scope?.node.scope ?? this).node.path;
    try {
      if (!onlyAdds(lib, lib.Stack.of(this).synthesizer)) throw new OwnWay('is in a stack with a synthesizer of its own');
      if (this.hashType !== 'output') throw new OwnWay('sets its own asset hash');
      const familiar = this.fingerprintOptions && this.assetOutdir && this.cacheKey && this.node.scope?.addResourceMetadata;
      if (!familiar) throw new OwnWay('is staged in an unfamiliar way');
      const out_dir = path.resolve(this.assetOutdir, `bundling-temp-${this.cacheKey}${suffix}`);
      const request = { path: name, ...esbuildCall(bundling, out_dir), out_dir };
      const { placeholder } = new Taken(lib, this, itself, request);
      return { assetHash: placeholder, stagedPath: placeholder, packaging: 'zip', isArchive: true };
    } catch (error) {
      if (!(error instanceof OwnWay)) throw error;
      pipes.send({ t: 'fallback', path: name, why: error.message });
      return itself();
    }
  };
}

/** Waits for aws-cdk-lib, loaded by whom- and howsoever: every CommonJS module goes through the cache. Each copy is patched. */
function watchLibrary() {
  const bundling = path.join('/aws-cdk-lib', 'aws-lambda-nodejs', 'lib', 'bundling.js');
  const set = (cache, file, module) => {
    if (typeof file === 'string' && file.endsWith(bundling) && claim()) expectBundling(module, path.join(file, '../../..'));
    return Reflect.set(cache, file, module);
  };
  Module._cache = new Proxy(Module._cache, { set });
}

/** Patches the library in the moment in which it exports the class that bundles. */
function expectBundling(module, root) {
  const { version } = require(path.join(root, 'package.json'));
  pipes.send({ t: 'hello', node: process.versions.node, lib: version, lib_dir: root });
  const set = (Bundling) => {
    if (!Bundling) return;
    Object.defineProperty(module.exports, 'Bundling', { value: Bundling, writable: true });
    const lib = require(path.join(root, 'core'));
    const odd = KNOWN.split(' ').find((name) => typeof name.split('.').reduce((at, key) => at?.[key], lib) !== 'function');
    if (odd) pipes.send({ t: 'fallback', path: '*', why: `aws-cdk-lib ${version} has an unknown inside (${odd})` });
    else patchLibrary(lib, Bundling);
  };
  Object.defineProperty(module.exports, 'Bundling', { configurable: true, enumerable: true, get: () => undefined, set });
}

// ---- the app's own TypeScript ----------------------------------------------------------------------------------------

/** Loads TypeScript from what Offshoot has transpiled already, under the file's own name, as ts-node would. */
function loadTypeScript(mapFile) {
  const transpiled = new Map(Object.entries(JSON.parse(fs.readFileSync(mapFile, 'utf8'))));
  process.setSourceMapsEnabled?.(true);
  const source = (file) => (transpiled.has(file) ? fs.readFileSync(transpiled.get(file), 'utf8') : transpile(file));
  const compile = 'return (module, file) => module._compile(source(file), file)';
  const handler = require('vm').compileFunction(compile, ['source'], { filename: 'node:offshoot' })(source);
  for (const extension of ['.ts', '.tsx', '.mts', '.cts']) Module._extensions[extension] = handler;
  const resolve = Module._resolveFilename;
  const isFile = (file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
  Module._resolveFilename = function (request, parent, ...others) {
    const plain = () => resolve.call(this, request, parent, ...others);
    if (!/^\.\.?(\/|$)/.test(request) || !/\.[cm]?tsx?$/.test(parent?.filename)) return plain();
    const base = path.resolve(path.dirname(parent.filename), request);
    if (isFile(base)) return plain();
    return typeScriptNames(request, base).find((name) => transpiled.has(name) || isFile(name)) ?? plain();
  };
}

/** What a relative request may mean in TypeScript, in esbuild's order. */
function typeScriptNames(request, base) {
  const index = [`${base}/index.tsx`, `${base}/index.ts`];
  if (/(^|\/)\.{0,2}$/.test(request)) return index;
  const written = base.replace(/\.([cm]?)js$/, '.$1ts'); // `./x.js` may be written for `./x.ts`
  return [written, written.replace(/\.ts$/, '.tsx'), `${base}.tsx`, `${base}.ts`, `${base}.js`, ...index];
}

function transpile(file) {
  const target = `node${process.versions.node}`;
  const options = { write: false, format: 'cjs', platform: 'node', sourcemap: 'inline', target, logLevel: 'silent' };
  return Module.createRequire(file)('esbuild').buildSync({ ...options, entryPoints: [file] }).outputFiles[0].text;
}

// ---- start -------------------------------------------------------------------------------------------------------------

function runMain(main) {
  const given = process.argv.slice(2);
  process.argv.splice(1, Infinity, main, ...(given[0] === '--' ? given.slice(1) : given));
  delete process.env.OFFSHOOT_MAIN;
  process.nextTick(Module._load, main, null, true); // not called from here: see the stack frames above
}

const { OFFSHOOT_TRANSPILED: transpiled, OFFSHOOT_MAIN: main } = process.env;
delete process.env.OFFSHOOT_TRANSPILED;
// Without pipes nobody bundles for the app: then it only has to run.
if (process.env.OFFSHOOT_HOOK_REQUEST) watchLibrary();
if (transpiled) loadTypeScript(transpiled);
if (main && require.main === module) claim(), runMain(main);
