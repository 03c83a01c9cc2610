import assert from "node:assert/strict";
import { test } from "node:test";
import { greeting } from "../src/lib/greeting";

test("the greeting names the stage", () => {
  assert.match(greeting("prod"), /prod/);
});
