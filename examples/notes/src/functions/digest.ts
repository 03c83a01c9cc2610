import type { ScheduledEvent } from "aws-lambda";
import { digestLine } from "../lib/digest";
import { listNotes, saveDigest } from "../lib/store";

const NEWEST = 200;

export async function handler(event: ScheduledEvent): Promise<void> {
  const day = event.time.slice(0, 10);
  await saveDigest(day, digestLine(day, await listNotes(NEWEST)));
}
