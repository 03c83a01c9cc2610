import assert from "node:assert/strict";
import { test } from "node:test";
import { digestLine } from "../src/lib/digest";
import { countWords, createNote, NewNote } from "../src/lib/note";

const AT = new Date("2026-11-23T08:00:00Z");

test("a note gets an id that sorts by time, and its trimmed text", () => {
  const first = createNote(NewNote.parse({ text: "  buy milk " }), AT);
  const second = createNote(NewNote.parse({ text: "later" }), new Date(AT.getTime() + 1));
  assert.equal(first.text, "buy milk");
  assert.equal(first.created, "2026-11-23T08:00:00.000Z");
  assert.ok(first.id < second.id);
});

test("a note without text, with too much of it, or with unknown keys is refused", () => {
  for (const input of [{}, { text: "   " }, { text: "x".repeat(2_001) }, { text: "ok", colour: "red" }]) {
    assert.equal(NewNote.safeParse(input).success, false);
  }
});

test("words are counted across any white space", () => {
  assert.equal(countWords(" one\ttwo\nthree "), 3);
  assert.equal(countWords(""), 0);
});

test("the digest counts only the notes of its day", () => {
  const notes = [
    { id: "1", text: "a b", created: "2026-11-23T08:00:00.000Z", words: 2 },
    { id: "2", text: "c", created: "2026-11-22T08:00:00.000Z", words: 1 },
  ];
  assert.equal(digestLine("2026-11-23", notes), "2026-11-23: 1 note, 2 words");
});
