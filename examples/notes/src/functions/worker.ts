import type { SQSBatchResponse, SQSEvent } from "aws-lambda";
import { countWords } from "../lib/note";
import { findNote, setWords } from "../lib/store";

/** Counts words; a message that fails is tried again alone, without the rest of its batch. */
export async function handler(event: SQSEvent): Promise<SQSBatchResponse> {
  const batchItemFailures: SQSBatchResponse["batchItemFailures"] = [];
  for (const { messageId, body } of event.Records) {
    try {
      await count(body);
    } catch (error) {
      console.error("counting the words of a note", { noteId: body, error });
      batchItemFailures.push({ itemIdentifier: messageId });
    }
  }
  return { batchItemFailures };
}

async function count(noteId: string): Promise<void> {
  const note = await findNote(noteId);
  if (note) {
    await setWords(noteId, countWords(note.text));
  }
}
