import * as path from 'path';
import * as cdk from 'aws-cdk-lib';
import { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs';
import { named } from './names.js';

const stack = new cdk.Stack(new cdk.App(), named('Typed') as string);
new NodejsFunction(stack, 'Beside');
new NodejsFunction(stack, 'Fn', { entry: path.join(__dirname, '../src/b.ts') });
console.log(JSON.stringify({ argv: process.argv.slice(1), main: require.main === module, file: __filename }));
