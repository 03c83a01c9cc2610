import type { APIGatewayProxyEventV2 } from "aws-lambda";
import { z } from "zod";
import { type Answer, json, parseBody } from "../lib/http";
import { createNote, NewNote } from "../lib/note";
import { announce } from "../lib/queue";
import { listNotes, saveNote } from "../lib/store";

const PAGE = 50;

export async function handler(event: APIGatewayProxyEventV2): Promise<Answer> {
  return event.requestContext.http.method === "POST" ? create(event) : json(200, await listNotes(PAGE));
}

async function create(event: APIGatewayProxyEventV2): Promise<Answer> {
  const input = NewNote.safeParse(parseBody(event.body, event.isBase64Encoded));
  if (!input.success) {
    return json(400, { error: z.prettifyError(input.error) });
  }
  const note = createNote(input.data, new Date());
  await saveNote(note);
  await announce(note.id);
  return json(201, note);
}
