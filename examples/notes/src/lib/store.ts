import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, GetCommand, PutCommand, QueryCommand, UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { env } from "./env";
import type { Note } from "./note";

const NOTES = "note";
const client = DynamoDBDocumentClient.from(new DynamoDBClient({}));

export async function saveNote(note: Note): Promise<void> {
  const { id, ...rest } = note;
  await client.send(new PutCommand({ TableName: env("TABLE_NAME"), Item: { pk: NOTES, sk: id, ...rest } }));
}

export async function findNote(id: string): Promise<Note | undefined> {
  const found = await client.send(new GetCommand({ TableName: env("TABLE_NAME"), Key: { pk: NOTES, sk: id } }));
  return found.Item && toNote(found.Item);
}

/** The newest notes first. */
export async function listNotes(limit: number): Promise<Note[]> {
  const page = await client.send(
    new QueryCommand({
      TableName: env("TABLE_NAME"),
      KeyConditionExpression: "pk = :pk",
      ExpressionAttributeValues: { ":pk": NOTES },
      ScanIndexForward: false,
      Limit: limit,
    }),
  );
  return (page.Items ?? []).map(toNote);
}

export async function setWords(id: string, words: number): Promise<void> {
  await client.send(
    new UpdateCommand({
      TableName: env("TABLE_NAME"),
      Key: { pk: NOTES, sk: id },
      UpdateExpression: "SET words = :words",
      ExpressionAttributeValues: { ":words": words },
    }),
  );
}

export async function saveDigest(day: string, line: string): Promise<void> {
  await client.send(new PutCommand({ TableName: env("TABLE_NAME"), Item: { pk: "digest", sk: day, line } }));
}

function toNote(item: Record<string, unknown>): Note {
  return {
    id: String(item.sk),
    text: String(item.text),
    created: String(item.created),
    ...(typeof item.words === "number" ? { words: item.words } : {}),
  };
}
