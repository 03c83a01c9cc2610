import assert from "node:assert/strict";
import { test } from "node:test";
import { App } from "aws-cdk-lib";
import { Match, Template } from "aws-cdk-lib/assertions";
import { DataStack } from "../lib/data-stack";
import { JobsStack } from "../lib/jobs-stack";
import { stageOf } from "../lib/stage";

// Bundling is not what these tests are about.
const newApp = () => new App({ context: { stage: "prod", "aws:cdk:bundling-stacks": [] } });

test("prod keeps its table; a feature branch's goes with its stage", () => {
  Template.fromStack(new DataStack(newApp(), "ProdData", { stage: "prod" })).hasResource("AWS::DynamoDB::Table", {
    DeletionPolicy: "Retain",
  });
  Template.fromStack(new DataStack(newApp(), "BranchData", { stage: "feature-x" })).hasResource("AWS::DynamoDB::Table", {
    DeletionPolicy: "Delete",
  });
});

test("the worker retries alone what failed alone, and gives up into the second queue", () => {
  const app = newApp();
  const data = new DataStack(app, "Data", { stage: "prod" });
  const jobs = Template.fromStack(new JobsStack(app, "Jobs", { stage: "prod", table: data.table }));
  jobs.hasResourceProperties("AWS::Lambda::EventSourceMapping", {
    FunctionResponseTypes: ["ReportBatchItemFailures"],
  });
  jobs.hasResourceProperties("AWS::SQS::Queue", { RedrivePolicy: Match.objectLike({ maxReceiveCount: 3 }) });
});

test("the stage comes from the context and must be a safe name", () => {
  assert.equal(stageOf(newApp()), "prod");
  assert.throws(() => stageOf(new App({ context: { stage: "Not Safe" } })), /lower-case/);
});
