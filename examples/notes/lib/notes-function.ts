import { join } from "node:path";
import { Duration, RemovalPolicy } from "aws-cdk-lib";
import { Architecture, Runtime } from "aws-cdk-lib/aws-lambda";
import { NodejsFunction, OutputFormat } from "aws-cdk-lib/aws-lambda-nodejs";
import { LogGroup, RetentionDays } from "aws-cdk-lib/aws-logs";
import type { Construct } from "constructs";
import type { Stage } from "./stage";

export interface NotesFunctionProps {
  readonly stage: Stage;
  /** The file in src/functions, without its ending. */
  readonly handler: string;
  readonly description: string;
  readonly environment?: Record<string, string>;
  readonly timeout?: Duration;
}

/** A function of this app: one place for the runtime, the bundling and the logs of all of them. */
export class NotesFunction extends NodejsFunction {
  constructor(scope: Construct, id: string, props: NotesFunctionProps) {
    super(scope, id, {
      entry: join(__dirname, "..", "src", "functions", `${props.handler}.ts`),
      description: props.description,
      runtime: Runtime.NODEJS_22_X,
      architecture: Architecture.ARM_64,
      memorySize: 256,
      timeout: props.timeout ?? Duration.seconds(10),
      environment: { STAGE: props.stage, NODE_OPTIONS: "--enable-source-maps", ...props.environment },
      logGroup: new LogGroup(scope, `${id}Logs`, {
        retention: RetentionDays.ONE_MONTH,
        removalPolicy: RemovalPolicy.DESTROY,
      }),
      bundling: {
        target: "node22",
        format: OutputFormat.CJS,
        minify: true,
        sourceMap: true,
        // The SDK travels with the function: its version is the one in the lock file, not the runtime's.
        bundleAwsSDK: true,
      },
    });
  }
}
