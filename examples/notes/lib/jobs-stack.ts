import { CfnOutput, Duration, Stack, type StackProps } from "aws-cdk-lib";
import type { ITable } from "aws-cdk-lib/aws-dynamodb";
import { Rule, Schedule } from "aws-cdk-lib/aws-events";
import { LambdaFunction } from "aws-cdk-lib/aws-events-targets";
import { SqsEventSource } from "aws-cdk-lib/aws-lambda-event-sources";
import { Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";
import { NotesFunction } from "./notes-function";
import type { Stage } from "./stage";

export interface JobsStackProps extends StackProps {
  readonly stage: Stage;
  readonly table: ITable;
}

/** What happens after a request: the queue with its worker, and the nightly digest. */
export class JobsStack extends Stack {
  readonly queue: Queue;

  constructor(scope: Construct, id: string, props: JobsStackProps) {
    super(scope, id, { ...props, description: `Notes (${props.stage}): the queue, its worker, the nightly digest` });
    const environment = { TABLE_NAME: props.table.tableName };

    this.queue = new Queue(this, "Created", {
      encryption: QueueEncryption.SQS_MANAGED,
      visibilityTimeout: Duration.minutes(1),
      deadLetterQueue: {
        queue: new Queue(this, "Failed", { encryption: QueueEncryption.SQS_MANAGED }),
        maxReceiveCount: 3,
      },
    });

    const worker = new NotesFunction(this, "Worker", {
      stage: props.stage,
      handler: "worker",
      description: "Counts the words of each new note",
      environment,
    });
    worker.addEventSource(new SqsEventSource(this.queue, { batchSize: 10, reportBatchItemFailures: true }));
    props.table.grantReadWriteData(worker);

    const digest = new NotesFunction(this, "Digest", {
      stage: props.stage,
      handler: "digest",
      description: "Writes one line about the day's notes",
      environment,
      timeout: Duration.minutes(1),
    });
    props.table.grantReadWriteData(digest);
    new Rule(this, "Nightly", {
      description: "Every night at 02:00 UTC",
      schedule: Schedule.cron({ minute: "0", hour: "2" }),
      targets: [new LambdaFunction(digest, { retryAttempts: 2 })],
    });

    new CfnOutput(this, "QueueUrl", { value: this.queue.queueUrl });
  }
}
