// Writes a CDK app to measure with: `node benches/generate.mjs S|M|L <dir>`; the same input gives the same bytes.
import { cpSync, mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** S, M and L of the README's table. */
export const SIZES = {
  S: { functions: 3, stacks: 1 },
  M: { functions: 50, stacks: 5 },
  L: { functions: 300, stacks: 20 },
};

/** The file that a benchmark edits, and the line in it. */
export const EDITED = { file: "src/functions/f000.ts", line: /^const EDIT = .*$/m, text: (n) => `const EDIT = "edit ${n}";` };

const MODULES = 60;
const IMPORTS_PER_FUNCTION = 12;
const template = join(dirname(fileURLToPath(import.meta.url)), "template");

const number = (n, digits) => String(n).padStart(digits, "0");
const moduleName = (n) => `m${number(n, 2)}`;
const functionName = (n) => `f${number(n, 3)}`;

/** A module of the shared library: some code of its own, and two older modules below it. */
function libraryModule(n) {
  const below = n === 0 ? [] : [...new Set([Math.floor(n / 2), Math.floor((n * 2) / 3)])].filter((m) => m < n);
  const imports = below.map((m) => `import { ${moduleName(m)} } from "./${moduleName(m)}";\n`).join("");
  const table = Array.from({ length: 40 }, (_, i) => `  ["key-${n}-${i}", ${(n * 7919 + i * 104729) % 65521}],`).join("\n");
  const sum = ["own", ...below.map((m) => `${moduleName(m)}(input)`)].join(" + ");
  return `${imports}
const TABLE = new Map<string, number>([
${table}
]);

export interface ${moduleName(n).toUpperCase()}Options {
  readonly scale?: number;
  readonly offset?: number;
}

/** Library function ${n}: looks its input up, and asks the modules below. */
export function ${moduleName(n)}(input: string, options: ${moduleName(n).toUpperCase()}Options = {}): number {
  const { scale = ${n + 1}, offset = ${(n * 31) % 17} } = options;
  const own = [...input].reduce((sum, letter, at) => (sum * scale + letter.charCodeAt(0) + at + offset) % 65521, TABLE.get(input) ?? 0);
  return (${sum}) % 65521;
}
`;
}

function lambdaFunction(n) {
  const modules = [...new Set(Array.from({ length: IMPORTS_PER_FUNCTION }, (_, i) => (n * 13 + i * 7) % MODULES))].sort((a, b) => a - b);
  const withZod = n % 3 === 0;
  return [
    n % 2 === 0 ? 'import { ulid } from "ulid";' : "",
    withZod ? 'import { z } from "zod";' : "",
    ...modules.map((m) => `import { ${moduleName(m)} } from "../shared/${moduleName(m)}";`),
    "",
    'const EDIT = "edit 0";',
    withZod ? "const Input = z.object({ name: z.string().min(1).max(100) });" : "",
    "",
    "export async function handler(event: { name?: string }): Promise<unknown> {",
    withZod ? '  const { name } = Input.parse({ name: event.name ?? "world" });' : '  const name = event.name ?? "world";',
    `  const total = ${modules.map((m) => `${moduleName(m)}(name)`).join(" + ")};`,
    `  return { by: "${functionName(n)}"${n % 2 === 0 ? ", id: ulid()" : ""}, name, total, edit: EDIT, table: process.env.TABLE_NAME };`,
    "}",
    "",
  ]
    .filter((line, at, all) => line !== "" || all[at - 1] !== "")
    .join("\n")
    .trimStart();
}

const APP = ({ functions, stacks }) => `import { App } from "aws-cdk-lib";
import { BenchStack } from "../lib/bench-stack";

const FUNCTIONS = ${functions};
const STACKS = ${stacks};

const app = new App();
const stage: string = app.node.tryGetContext("stage") ?? process.env.STAGE ?? "dev";

for (let stack = 0; stack < STACKS; stack++) {
  const own = Array.from({ length: FUNCTIONS }, (_, n) => n).filter((n) => n % STACKS === stack);
  new BenchStack(app, \`\${stage}-app${functions}-\${String(stack).padStart(2, "0")}\`, { functions: own });
}
`;

const STACK = `import { join } from "node:path";
import { Duration, RemovalPolicy, Stack, type StackProps } from "aws-cdk-lib";
import { AttributeType, BillingMode, Table } from "aws-cdk-lib/aws-dynamodb";
import { Runtime } from "aws-cdk-lib/aws-lambda";
import { NodejsFunction } from "aws-cdk-lib/aws-lambda-nodejs";
import { Queue } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";

export interface BenchStackProps extends StackProps {
  readonly functions: readonly number[];
}

/** A table, a queue, and this stack's share of the functions. */
export class BenchStack extends Stack {
  constructor(scope: Construct, id: string, props: BenchStackProps) {
    super(scope, id, props);
    const table = new Table(this, "Table", {
      partitionKey: { name: "pk", type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const queue = new Queue(this, "Queue", { visibilityTimeout: Duration.minutes(1) });
    for (const n of props.functions) {
      const name = \`f\${String(n).padStart(3, "0")}\`;
      const handler = new NodejsFunction(this, name.toUpperCase(), {
        entry: join(__dirname, "..", "src", "functions", \`\${name}.ts\`),
        runtime: Runtime.NODEJS_22_X,
        memorySize: 256,
        environment: { TABLE_NAME: table.tableName, QUEUE_URL: queue.queueUrl },
        bundling: { minify: true },
      });
      table.grantReadData(handler);
      queue.grantSendMessages(handler);
    }
  }
}
`;

const CONFIG = `version: 1
apps:
  - name: bench
    path: .
stages:
  - name: bench
    branch: main
`;

/** Writes the app of this size into the folder; what else is there is left alone. */
export function generate(size, dir) {
  const shape = SIZES[size];
  if (!shape) throw new Error(`size ${JSON.stringify(size)}: use ${Object.keys(SIZES).join(", ")}`);
  for (const folder of ["bin", "lib", "src/functions", "src/shared"]) mkdirSync(join(dir, folder), { recursive: true });
  cpSync(template, dir, { recursive: true });
  const write = (path, text) => writeFileSync(join(dir, path), text);
  write("bin/bench.ts", APP(shape));
  write("lib/bench-stack.ts", STACK);
  write("offshoot.yml", CONFIG);
  write(".gitignore", "node_modules\ncdk.out\n.offshoot\n");
  for (let n = 0; n < MODULES; n++) write(`src/shared/${moduleName(n)}.ts`, libraryModule(n));
  for (let n = 0; n < shape.functions; n++) write(`src/functions/${functionName(n)}.ts`, lambdaFunction(n));
}

if (process.argv[1] && realpathSync(process.argv[1]) === realpathSync(fileURLToPath(import.meta.url))) {
  const [size, dir] = process.argv.slice(2);
  if (!SIZES[size] || !dir) {
    console.error("usage: node benches/generate.mjs S|M|L <dir>");
    process.exit(64);
  }
  generate(size, resolve(dir));
}
