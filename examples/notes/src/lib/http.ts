import type { APIGatewayProxyStructuredResultV2 } from "aws-lambda";

export type Answer = APIGatewayProxyStructuredResultV2;

export function text(statusCode: number, body: string): Answer {
  return { statusCode, headers: { "content-type": "text/plain; charset=utf-8" }, body: `${body}\n` };
}

export function json(statusCode: number, body: unknown): Answer {
  return { statusCode, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

/** The JSON of a request's body; undefined when it is not JSON. */
export function parseBody(body: string | undefined, isBase64Encoded: boolean): unknown {
  try {
    return JSON.parse(isBase64Encoded ? Buffer.from(body ?? "", "base64").toString("utf8") : (body ?? ""));
  } catch {
    return undefined;
  }
}
