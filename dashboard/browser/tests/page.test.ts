import assert from "node:assert/strict";
import { test } from "node:test";

import { next } from "../src/keys";
import { filled } from "../src/strings";

test("j and k stop at the ends of a list", () => {
  assert.equal(next(-1, 3, 1), 0);
  assert.equal(next(-1, 3, -1), 2);
  assert.equal(next(2, 3, 1), 2);
  assert.equal(next(0, 3, -1), 0);
  assert.equal(next(-1, 0, 1), -1);
});

test("a sentence is filled with what is known, and keeps what is not", () => {
  assert.equal(filled("{low} to {high}", { low: 1 }), "1 to {high}");
});
