import assert from "node:assert/strict";
import { test } from "node:test";
import { json, parseBody, text } from "../src/lib/http";

test("answers say their content type", () => {
  assert.equal(text(200, "hi").body, "hi\n");
  assert.equal(json(201, { id: 1 }).headers?.["content-type"], "application/json");
});

test("a body is read as JSON, plain or base64; anything else is nothing", () => {
  assert.deepEqual(parseBody('{"text":"x"}', false), { text: "x" });
  assert.deepEqual(parseBody(Buffer.from('{"text":"x"}').toString("base64"), true), { text: "x" });
  assert.equal(parseBody("not json", false), undefined);
  assert.equal(parseBody(undefined, false), undefined);
});
