/** What is wrong with a query, under the word and in a line below the box. */

import type { Diagnostic } from "@codemirror/lint";

import { csrf } from "../csrf";
import { placeOf } from "./lexer";

export interface Fault {
  readonly start: number;
  readonly end: number;
  readonly message: string;
  readonly help: string;
}

export interface Checked {
  readonly errors: readonly Fault[];
  readonly warnings: readonly Fault[];
}

const ADDRESS = "/api/v1/check";

/** Asks the server; raises when it cannot say. */
export async function check(words: string, signal: AbortSignal): Promise<Checked> {
  const answer = await fetch(ADDRESS, {
    method: "POST",
    signal,
    headers: {
      Accept: "application/json",
      "Content-Type": "application/json",
      "X-CSRF-Token": csrf(),
    },
    body: JSON.stringify({ words }),
  });
  if (!answer.ok) throw new Error(`the check answered ${answer.status}`);
  return (await answer.json()) as Checked;
}

/** What the box says of a fault: its place is marked already, and the help stands there once. */
export function sentence({ message, help }: Fault): string {
  const said = message.replace(/^(?:line|regel) \d+, (?:column|kolom) \d+: /, "");
  if (help === "" || said.includes(help)) return said;
  return `${said.replace(/\.$/, "")}. ${help}`;
}

/** Faults where the editor shows them: at least one character wide, inside the text. */
export function diagnostics(words: string, checked: Checked): Diagnostic[] {
  const shaped = (fault: Fault, severity: "error" | "warning"): Diagnostic => {
    const from = Math.min(placeOf(words, fault.start), Math.max(words.length - 1, 0));
    const to = Math.max(placeOf(words, fault.end), from + 1);
    return {
      from,
      to: Math.min(to, words.length),
      severity,
      message: sentence(fault),
    };
  };
  return [
    ...checked.errors.map((each) => shaped(each, "error")),
    ...checked.warnings.map((each) => shaped(each, "warning")),
  ];
}
