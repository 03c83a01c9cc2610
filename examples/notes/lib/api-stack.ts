import { CfnOutput, Stack, type StackProps } from "aws-cdk-lib";
import { HttpApi, HttpMethod } from "aws-cdk-lib/aws-apigatewayv2";
import { HttpLambdaIntegration } from "aws-cdk-lib/aws-apigatewayv2-integrations";
import type { ITable } from "aws-cdk-lib/aws-dynamodb";
import type { IQueue } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";
import { NotesFunction } from "./notes-function";
import type { Stage } from "./stage";

export interface ApiStackProps extends StackProps {
  readonly stage: Stage;
  readonly table: ITable;
  readonly queue: IQueue;
}

/** What people call: the HTTP API and its two functions. */
export class ApiStack extends Stack {
  constructor(scope: Construct, id: string, props: ApiStackProps) {
    super(scope, id, { ...props, description: `Notes (${props.stage}): the HTTP API` });

    const hello = new NotesFunction(this, "Hello", {
      stage: props.stage,
      handler: "hello",
      description: "Says hello",
    });
    const notes = new NotesFunction(this, "Notes", {
      stage: props.stage,
      handler: "notes",
      description: "Creates and lists notes",
      environment: { TABLE_NAME: props.table.tableName, QUEUE_URL: props.queue.queueUrl },
    });
    props.table.grantReadWriteData(notes);
    props.queue.grantSendMessages(notes);

    const api = new HttpApi(this, "Api", { apiName: `${props.stage}-notes` });
    api.addRoutes({
      path: "/hello",
      methods: [HttpMethod.GET],
      integration: new HttpLambdaIntegration("HelloIntegration", hello),
    });
    api.addRoutes({
      path: "/notes",
      methods: [HttpMethod.GET, HttpMethod.POST],
      integration: new HttpLambdaIntegration("NotesIntegration", notes),
    });

    // The attribute, not `api.url`: an emulator then says its own address.
    new CfnOutput(this, "ApiUrl", { value: api.apiEndpoint });
    new CfnOutput(this, "ApiId", { value: api.apiId });
  }
}
