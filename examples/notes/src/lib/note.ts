import { ulid } from "ulid";
import { z } from "zod";

/** What a caller sends to create a note. */
export const NewNote = z.strictObject({
  text: z.string().trim().min(1).max(2_000),
});
export type NewNote = z.infer<typeof NewNote>;

export interface Note {
  readonly id: string;
  readonly text: string;
  readonly created: string;
  /** Counted later, by the worker. */
  readonly words?: number;
}

export function createNote(input: NewNote, now: Date): Note {
  return { id: ulid(now.getTime()), text: input.text, created: now.toISOString() };
}

export function countWords(text: string): number {
  return text.split(/\s+/u).filter((word) => word.length > 0).length;
}
