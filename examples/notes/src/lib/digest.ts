import type { Note } from "./note";

/** One line about the notes of a day, such as `2026-11-23: 2 notes, 14 words`. */
export function digestLine(day: string, notes: readonly Note[]): string {
  const ofDay = notes.filter((note) => note.created.startsWith(day));
  const words = ofDay.reduce((sum, note) => sum + (note.words ?? 0), 0);
  return `${day}: ${ofDay.length} ${ofDay.length === 1 ? "note" : "notes"}, ${words} words`;
}
