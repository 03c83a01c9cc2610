import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { env } from "./env";

const client = new SQSClient({});

/** Tells the worker that a note exists. */
export async function announce(noteId: string): Promise<void> {
  await client.send(new SendMessageCommand({ QueueUrl: env("QUEUE_URL"), MessageBody: noteId }));
}
