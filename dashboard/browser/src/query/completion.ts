/** What may come where somebody types: words with their counts, lists, fields, operators. */

import type { Completion, CompletionContext, CompletionResult } from "@codemirror/autocomplete";

import { say } from "../strings";
import { typed } from "./lexer";

interface Item {
  readonly label: string;
  readonly kind: "word" | "list" | "field" | "operator";
  readonly posts: number | null;
  readonly detail: string;
  readonly insert: string;
}

const ADDRESS = "/api/v1/complete";
const LEAST = 2;
const TYPES = { word: "text", list: "variable", field: "property", operator: "keyword" } as const;

/** An item as the box shows it: its kind in words, how many posts have it, what it is for. */
export function shown(item: Item, write: (posts: number) => string): Completion {
  const detail = [
    item.detail,
    item.posts === null ? "" : write(item.posts),
    item.kind === "word" ? "" : say(item.kind),
  ].filter(Boolean);
  return {
    label: item.label,
    apply: item.insert || item.label,
    type: TYPES[item.kind],
    detail: detail.join(" · "),
  };
}

export function source(language: string): (context: CompletionContext) => Promise<CompletionResult | null> {
  const numbers = new Intl.NumberFormat(language);
  const write = (posts: number): string => say("posts", { posts: numbers.format(posts) });
  return async (context) => {
    const here = typed(context.state.doc.toString(), context.pos);
    const prefix = here?.text ?? "";
    if (!context.explicit && prefix.length < LEAST && !prefix.startsWith("$")) return null;
    const stop = new AbortController();
    context.addEventListener("abort", () => stop.abort(), { onDocChange: true });
    try {
      const answer = await fetch(`${ADDRESS}?${new URLSearchParams({ prefix }).toString()}`, {
        signal: stop.signal,
        headers: { Accept: "application/json" },
      });
      if (!answer.ok) return null;
      const { items } = (await answer.json()) as { items: readonly Item[] };
      return {
        from: here?.start ?? context.pos,
        options: items.map((item) => shown(item, write)),
        // The order is the server's: the most frequent first.
        filter: false,
      };
    } catch (error) {
      if (!stop.signal.aborted) console.warn("peil: no completion", error);
      return null;
    }
  };
}
