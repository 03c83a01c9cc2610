import type { Node } from "constructs";

/** A stage is one deployment of the whole app, such as `prod` or a feature branch. */
export type Stage = string;

const SHAPE = /^[a-z0-9][a-z0-9-]{0,39}$/;

/** The stage from `--context stage=…`, else from STAGE, else `dev`. */
export function stageOf(scope: { readonly node: Node }): Stage {
  const stage: unknown = scope.node.tryGetContext("stage") ?? process.env.STAGE ?? "dev";
  if (typeof stage !== "string" || !SHAPE.test(stage)) {
    throw new Error(`stage ${JSON.stringify(stage)} must be lower-case letters, digits and hyphens, at most 40`);
  }
  return stage;
}

/** Only prod keeps its data when its stacks are removed. */
export function isProduction(stage: Stage): boolean {
  return stage === "prod";
}
