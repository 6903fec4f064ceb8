/** The pieces of queries, one query a line as JSON: compared with rules/lexer.py by pytest. */

import { readFileSync } from "node:fs";

import { lex } from "../src/query/lexer";

for (const line of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  const query = JSON.parse(line) as string;
  const pieces = lex(query).map(({ kind, start, end }) => [kind, query.slice(start, end)]);
  console.log(JSON.stringify(pieces));
}
