import assert from "node:assert/strict";
import { test } from "node:test";

import { diagnostics, sentence } from "../src/query/check";
import { lex, placeOf, typed } from "../src/query/lexer";

test("what is being typed is completed from its beginning", () => {
  assert.deepEqual(typed("fatbike* sto", 12), { start: 9, text: "sto" });
  assert.deepEqual(typed("a lang:n", 8), { start: 2, text: "lang:n" });
  assert.deepEqual(typed("($str", 5), { start: 1, text: "$str" });
  assert.equal(typed("a ", 2), null);
  assert.equal(typed('a "sto', 6), null);
  assert.equal(typed("a -- sto", 8), null);
});

test("pieces cover a query in order, and none is empty", () => {
  for (const query of ['2 OF (a, "b c"~3)', "#huur 🔥 NEAR/x 'n~", '"open', "a:b:c ,)~", "٣ OF (a)"]) {
    let end = 0;
    for (const piece of lex(query)) {
      assert.ok(piece.start >= end && piece.end > piece.start);
      assert.equal(query.slice(end, piece.start).trim(), "");
      end = piece.end;
    }
    assert.equal(query.slice(end).trim(), "");
  }
});

test("a fault stands under its word, also after characters outside of the first plane", () => {
  const words = "🔥🔥 from:jan";
  const [found] = diagnostics(words, {
    errors: [{ start: 3, end: 11, message: "no such field.", help: "Nobody is looked for" }],
    warnings: [],
  });
  assert.equal(words.slice(found?.from, found?.to), "from:jan");
  assert.equal(found?.message, "no such field. Nobody is looked for");
  assert.equal(placeOf("🔥", 5), 2);
});

test("a fault at the end still has a width", () => {
  const [found] = diagnostics("a AND", { errors: [{ start: 5, end: 5, message: "m", help: "" }], warnings: [] });
  assert.deepEqual([found?.from, found?.to], [4, 5]);
});

test("a fault says its help once, and not where it is marked", () => {
  const fault = { start: 0, end: 1, message: "line 1, column 12: no field. For example: lang:nl", help: "For example: lang:nl" };
  assert.equal(sentence(fault), "no field. For example: lang:nl");
  assert.equal(sentence({ ...fault, help: "" }), "no field. For example: lang:nl");
});
