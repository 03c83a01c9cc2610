import { App, Tags } from "aws-cdk-lib";
import { ApiStack } from "../lib/api-stack";
import { DataStack } from "../lib/data-stack";
import { JobsStack } from "../lib/jobs-stack";
import { stageOf } from "../lib/stage";

const app = new App();
const stage = stageOf(app);
const env = { account: process.env.CDK_DEFAULT_ACCOUNT, region: process.env.CDK_DEFAULT_REGION };

const data = new DataStack(app, `${stage}-notes-data`, { env, stage });
const jobs = new JobsStack(app, `${stage}-notes-jobs`, { env, stage, table: data.table });
new ApiStack(app, `${stage}-notes-api`, { env, stage, table: data.table, queue: jobs.queue });

Tags.of(app).add("app", "notes");
Tags.of(app).add("stage", stage);
