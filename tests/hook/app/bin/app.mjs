// An app made of ECMAScript modules, which also starts a child that loads the library again.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import * as cdk from 'aws-cdk-lib';
import { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs';

const entry = fileURLToPath(new URL('../src/b.ts', import.meta.url));
spawnSync(process.execPath, ['-e', "require('aws-cdk-lib/aws-lambda-nodejs').NodejsFunction"]);
new NodejsFunction(new cdk.Stack(new cdk.App(), 'Modules'), 'Fn', { entry });
