// An app whose aws-cdk-lib is not built as the hook knows it.
'use strict';
const path = require('path');
const cdk = require('aws-cdk-lib');
cdk.AssetStaging.assetCache = { obtain: (key, make) => make(), clear() {} };
const { NodejsFunction } = require('aws-cdk-lib/aws-lambda-nodejs');

const stack = new cdk.Stack(new cdk.App(), 'Unknown');
new NodejsFunction(stack, 'Fn', { entry: path.join(__dirname, '../src/b.ts') });
