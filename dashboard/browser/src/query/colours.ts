/** The colours of the rule language, and the look of the box, from the page's tokens. */

import { HighlightStyle, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import type { Extension } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

import { lex, type Kind, type Piece } from "./lexer";

const NAMES: Readonly<Record<Kind, string>> = {
  word: "content",
  string: "string",
  slop: "operator",
  open: "paren",
  close: "paren",
  comma: "paren",
  and: "keyword",
  or: "keyword",
  not: "keyword",
  exclude: "keyword",
  near: "keyword",
  of: "keyword",
  list: "variableName",
  field: "propertyName",
  bad: "invalid",
  comment: "comment",
};

interface State {
  pieces: readonly Piece[];
}

const language = StreamLanguage.define<State>({
  startState: () => ({ pieces: [] }),
  token(stream, state) {
    // No piece is longer than its line, but for "2 OF", which then reads as two words.
    if (stream.sol()) state.pieces = lex(stream.string);
    const here = state.pieces.find(({ end }) => end > stream.pos);
    if (here === undefined) {
      stream.skipToEnd();
      return null;
    }
    if (here.start > stream.pos) {
      stream.pos = here.start;
      return null;
    }
    stream.pos = here.end;
    return NAMES[here.kind];
  },
});

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--accent)", fontWeight: "650" },
  { tag: tags.operator, color: "var(--accent)" },
  { tag: tags.string, color: "var(--series-3)" },
  { tag: tags.variableName, color: "var(--series-4)" },
  { tag: tags.propertyName, color: "var(--series-2)" },
  { tag: tags.paren, color: "var(--muted)" },
  { tag: tags.comment, color: "var(--muted)", fontStyle: "italic" },
  { tag: tags.invalid, color: "var(--alarm)" },
]);

const look = EditorView.theme({
  "&": {
    fontSize: "1rem",
    backgroundColor: "var(--ground)",
    color: "var(--ink)",
    border: "1px solid var(--edge)",
    borderRadius: "var(--radius)",
  },
  "&.cm-focused": { outline: "3px solid var(--accent)", outlineOffset: "1px" },
  ".cm-content": {
    fontFamily: "var(--mono)",
    padding: "0.4rem 0",
    minHeight: "calc(2.75rem - 2px)",
    lineHeight: "1.9rem",
    caretColor: "var(--ink)",
  },
  ".cm-line": { padding: "0 0.6rem" },
  ".cm-scroller": { lineHeight: "inherit", overflow: "auto", maxHeight: "14rem" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-placeholder": { color: "var(--muted)" },
  ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": {
    backgroundColor: "var(--accent-soft)",
  },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": {
    backgroundColor: "var(--accent-soft)",
    outline: "1px solid var(--edge)",
  },
  ".cm-tooltip": {
    backgroundColor: "var(--ground)",
    color: "var(--ink)",
    border: "1px solid var(--edge)",
    borderRadius: "var(--radius)",
    fontFamily: "var(--font)",
    maxWidth: "min(32rem, 92vw)",
  },
  // Below the line that says what is wrong, as far as box.ts measured: both can be read.
  ".cm-tooltip.cm-tooltip-autocomplete.cm-tooltip-below": {
    transform: "translateY(var(--below-help, 0px))",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", maxHeight: "16rem" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": {
    padding: "0.3rem 0.6rem",
    display: "flex",
    gap: "0.75rem",
    alignItems: "baseline",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": {
    backgroundColor: "var(--accent)",
    color: "var(--accent-ink)",
  },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "650" },
  ".cm-completionDetail": {
    marginLeft: "auto",
    fontStyle: "normal",
    fontFamily: "var(--font)",
    color: "var(--muted)",
    fontSize: "0.875rem",
  },
  "li[aria-selected] .cm-completionDetail": { color: "inherit" },
  ".cm-diagnostic": { padding: "0.4rem 0.6rem" },
  ".cm-diagnostic-error": { borderLeft: "3px solid var(--alarm)" },
  ".cm-diagnostic-warning": { borderLeft: "3px solid var(--warn)" },
  ".cm-lintRange-error": {
    backgroundImage: "none",
    textDecoration: "underline wavy var(--alarm)",
    textUnderlineOffset: "0.2em",
  },
  ".cm-lintRange-warning": {
    backgroundImage: "none",
    textDecoration: "underline wavy var(--warn)",
    textUnderlineOffset: "0.2em",
  },
});

export const appearance: Extension = [language, syntaxHighlighting(colours), look];
