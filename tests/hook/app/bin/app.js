// A CDK app that uses every bundling option the hook must carry over, one function or stack for each.
'use strict';
const fs = require('fs');
const path = require('path');
if (process.env.DUMP_ENV) {
  const given = Object.entries(process.env).filter(([name]) => /^CDK_|^CONTEXT_OVERFLOW/.test(name));
  fs.writeFileSync(process.env.DUMP_ENV, JSON.stringify(Object.fromEntries(given)));
}
const cdk = require('aws-cdk-lib');
const lambda = require('aws-cdk-lib/aws-lambda');
const assets = require('aws-cdk-lib/aws-s3-assets');
const { NodejsFunction, OutputFormat, SourceMapMode, LogLevel } = require('aws-cdk-lib/aws-lambda-nodejs');

const src = (name) => path.join(__dirname, '../src', name);
const runtime = lambda.Runtime.NODEJS_18_X;
const only = process.env.APP_ONLY?.split(',');
const wanted = (name) => !only || only.includes(name);

/** One function for each bundling option, named after it. */
const OPTIONS = {
  Plain: {},
  Minify: { minify: true },
  LinkedMap: { sourceMap: true },
  InlineMap: { sourceMap: true, sourceMapMode: SourceMapMode.INLINE },
  ExternalMap: { sourceMap: true, sourceMapMode: SourceMapMode.EXTERNAL },
  BothMaps: { sourceMap: true, sourceMapMode: SourceMapMode.BOTH, minify: true },
  MapWithoutSources: { sourceMap: true, sourcesContent: false },
  Esm: { format: OutputFormat.ESM, mainFields: ['module', 'main'], sourceMap: true },
  EsmBanner: { format: OutputFormat.ESM, banner: "import { createRequire } from 'module';const require = createRequire(import.meta.url);" },
  Meta: { metafile: true },
  BannerFooter: { banner: '/* a "banner" with quotes */', footer: '/* it ends */' },
  Define: { define: { 'process.env.KEY': JSON.stringify('VALUE'), 'process.env.FLAG': 'true' } },
  Loader: { loader: { '.txt': 'text' } },
  FileLoader: { loader: { '.txt': 'file' } },
  Inject: { inject: ['./src/lib/inject.ts'] },
  Tsconfig: { tsconfig: src('../tsconfig.other.json') },
  KeepNames: { keepNames: true, logLevel: LogLevel.ERROR, target: 'es2020' },
  Args: { esbuildArgs: { '--log-limit': '0', '--tree-shaking': true, '--legal-comments': 'linked', '--line-limit': '90' } },
  Environment: { environment: { NODE_ENV: 'production' } },
  Externals: { externalModules: ['@aws-sdk/*', 'left-pad'] },
  HooksEmpty: { commandHooks: { beforeBundling: () => [], beforeInstall: () => [], afterBundling: () => [] } },
  HooksFull: { commandHooks: { beforeBundling: () => [], beforeInstall: () => [], afterBundling: (i, o) => [`echo hi > ${o}/hi.txt`] } },
  CustomHash: { assetHash: 'my-own-hash' },
  Analyze: { esbuildArgs: { '--analyze': true } },
  DollarBanner: { banner: '/* costs $ 5 */' },
};

function everyOption(scope) {
  const stack = new cdk.Stack(scope, 'Options');
  for (const [id, bundling] of Object.entries(OPTIONS)) {
    const entry = /Loader/.test(id) ? src('text.ts') : src('a.ts');
    new NodejsFunction(stack, id, { entry, runtime, bundling });
  }
}

function orderOfAssets(scope) {
  const stack = new cdk.Stack(scope, 'Order');
  new assets.Asset(stack, 'First', { path: src('a.ts') });
  new NodejsFunction(stack, 'One', { entry: src('a.ts'), runtime });
  new assets.Asset(stack, 'Second', { path: src('b.ts') });
  new NodejsFunction(stack, 'Two', { entry: src('b.ts'), runtime });
  new NodejsFunction(stack, 'SameAsOne', { entry: src('a.ts'), runtime });
  new assets.Asset(stack, 'Third', { path: src('lib') });
  new NodejsFunction(stack, 'Broken', { entry: src('b.ts'), runtime, bundling: { commandHooks: OPTIONS.HooksFull.commandHooks } });
}

function sharedCode(scope) {
  const stack = new cdk.Stack(scope, 'Shared');
  const one = new NodejsFunction(stack, 'One', { entry: src('a.ts'), runtime });
  const asset = one.node.findChild('Code');
  new cdk.CfnOutput(stack, 'Bucket', { value: asset.s3BucketName });
  new cdk.CfnOutput(stack, 'Key', { value: asset.s3ObjectKey });
  new cdk.CfnOutput(stack, 'Url', { value: `${asset.httpUrl} ${asset.s3ObjectUrl}` });
  if (process.env.APP_READS_HASH) new cdk.CfnOutput(stack, 'Hash', { value: `${asset.assetHash.length}` });
  const { Bundling } = require(path.join(path.dirname(require.resolve('aws-cdk-lib/package.json')), 'aws-lambda-nodejs/lib/bundling.js'));
  const code = Bundling.bundle(stack, {
    entry: src('b.ts'), runtime, architecture: lambda.Architecture.ARM_64,
    depsLockFilePath: src('../package-lock.json'), projectRoot: src('..'),
  });
  for (const id of ['A', 'B']) new lambda.Function(stack, id, { code, runtime, handler: 'index.handler' });
  asset.grantRead(one);
}

function versions(scope) {
  const stack = new cdk.Stack(scope, 'Versions', { env: { account: '111111111111', region: 'eu-west-1' } });
  const fn = new NodejsFunction(stack, 'Fn', { entry: src('a.ts'), runtime, environment: { A: '1' } });
  new lambda.Alias(stack, 'Live', { aliasName: 'live', version: fn.currentVersion });
}

function nestedStacks(scope) {
  const stack = new cdk.Stack(scope, 'Parent');
  const nested = new cdk.NestedStack(stack, 'Nested');
  new NodejsFunction(nested, 'Fn', { entry: src('a.ts'), runtime });
  const deeper = new cdk.NestedStack(nested, 'Deeper');
  new NodejsFunction(deeper, 'Fn', { entry: src('b.ts'), runtime });
  new NodejsFunction(stack, 'After', { entry: src('b.ts'), runtime, bundling: { minify: true } });
}

function stages(scope) {
  for (const id of ['Beta', 'Prod']) {
    const stage = new cdk.Stage(scope, id);
    const stack = new cdk.Stack(stage, 'Inner', { env: { region: 'us-east-1' } });
    new NodejsFunction(stack, 'Fn', { entry: src('a.ts'), runtime });
    const deep = new cdk.Stage(stage, 'Deep');
    new NodejsFunction(new cdk.Stack(deep, 'Inner'), 'Fn', { entry: src('b.ts'), runtime, bundling: { sourceMap: true } });
  }
}

function synthesizers(scope) {
  const synthesizer = new cdk.CliCredentialsStackSynthesizer();
  new NodejsFunction(new cdk.Stack(scope, 'Cli', { synthesizer }), 'Fn', { entry: src('a.ts'), runtime });
  const named = new cdk.DefaultStackSynthesizer({ fileAssetsBucketName: 'my-bucket', bucketPrefix: 'p/', qualifier: 'q' });
  new NodejsFunction(new cdk.Stack(scope, 'Named', { synthesizer: named }), 'Fn', { entry: src('a.ts'), runtime });
  const legacy = new cdk.LegacyStackSynthesizer();
  new NodejsFunction(new cdk.Stack(scope, 'Legacy', { synthesizer: legacy }), 'Fn', { entry: src('a.ts'), runtime });
  class Own extends cdk.DefaultStackSynthesizer {
    addFileAsset(asset) {
      return super.addFileAsset({ ...asset });
    }
  }
  new NodejsFunction(new cdk.Stack(scope, 'Own', { synthesizer: new Own() }), 'Fn', { entry: src('a.ts'), runtime });
}

function aspects(scope) {
  const stack = new cdk.Stack(scope, 'Aspects');
  new NodejsFunction(stack, 'Fn', { entry: src('a.ts'), runtime });
  cdk.Tags.of(stack).add('team', 'x');
  cdk.Aspects.of(stack).add({
    visit(node) {
      if (node instanceof NodejsFunction && node.node.id === 'Fn' && !stack.node.tryFindChild('Late')) {
        new NodejsFunction(stack, 'Late', { entry: src('b.ts'), runtime });
      }
    },
  });
}

function broken(scope) {
  const stack = new cdk.Stack(scope, 'Broken');
  new NodejsFunction(stack, 'Fn', { entry: src('a.ts'), runtime });
  new NodejsFunction(stack, 'Bad', { entry: src('bad.ts'), runtime });
}

const parts = { everyOption, orderOfAssets, sharedCode, versions, nestedStacks, stages, synthesizers, aspects };
const app = new cdk.App();
for (const [name, part] of Object.entries(parts)) if (wanted(name)) part(app);
if (only?.includes('broken')) broken(app);
if (only?.includes('twice')) {
  new NodejsFunction(new cdk.Stack(app, 'Twice'), 'Fn', { entry: src('a.ts'), runtime });
  app.synth();
  app.synth({ force: true });
}
if (only?.includes('secondApp')) {
  const other = new cdk.App({ outdir: path.join(process.env.CDK_OUTDIR, '../second.out') });
  new NodejsFunction(new cdk.Stack(other, 'Second'), 'Fn', { entry: src('a.ts'), runtime });
  other.synth();
}
