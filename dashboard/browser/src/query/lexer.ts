/**
 * A query's text in pieces, as rules/lexer.py cuts it: for colours and completion. A test holds
 * the two together.
 */

export type Kind =
  | "word" | "string" | "slop" | "open" | "close" | "comma" | "and" | "or" | "not" | "exclude"
  | "near" | "of" | "list" | "field" | "bad" | "comment"; // prettier-ignore

export interface Piece {
  readonly kind: Kind;
  readonly start: number;
  readonly end: number;
}

const Q = '"“”„‟«»';
/** One of the values of a field: a comma before anything else ends them. */
const VALUE = `[^\\s(),${Q}]+`;
const PIECES: readonly (readonly [Kind | "space", RegExp])[] = [
  ["space", /\s+/y],
  ["comment", /--[^\n]*/y],
  ["open", /\(/y],
  ["close", /\)/y],
  ["comma", /,/y],
  ["field", new RegExp(`(?:case|lemma|part):[${Q}][^${Q}\\n]*[${Q}]`, "iy")],
  ["field", new RegExp(`[A-Za-z_]+:(?:[${Q}][^${Q}\\n]*[${Q}]|(?:${VALUE}(?:,${VALUE})*)?)`, "iy")],
  ["string", new RegExp(`[${Q}][^${Q}\\n]*[${Q}]`, "y")],
  ["bad", new RegExp(`[${Q}][^\\n]*`, "y")],
  ["slop", /~[^\s()",]*/y],
  ["near", /O?NEAR(?:\/[^\s()",]*)?(?![^\s()",])/iy],
  ["of", /\p{Nd}+\s+OF(?![\p{L}\p{M}\p{N}_])(?=\s*\()/iuy],
  ["list", /\$[\p{L}\p{M}\p{N}_-]*(?:@[^\s()",]*)?/uy],
  ["word", new RegExp(`[^\\s(),~${Q}]+`, "y")],
  ["bad", /[^]/uy],
];
const WORDS: ReadonlySet<string> = new Set(["and", "or", "not", "exclude"]);

/** The piece that begins at `start`, spaces too; undefined at the end. */
function pieceAt(text: string, start: number): { kind: Kind | "space"; end: number } | undefined {
  for (const [kind, shape] of PIECES) {
    shape.lastIndex = start;
    const found = shape.exec(text);
    if (found === null) continue;
    const word = found[0].toLowerCase();
    return {
      kind: kind === "word" && WORDS.has(word) ? (word as Kind) : kind,
      end: start + found[0].length,
    };
  }
  return undefined;
}

/** The pieces in order, without spaces; comments are there for their colour. */
export function lex(text: string): readonly Piece[] {
  const found: Piece[] = [];
  let start = 0;
  for (;;) {
    const piece = start < text.length ? pieceAt(text, start) : undefined;
    if (piece === undefined) return found;
    if (piece.kind !== "space") found.push({ kind: piece.kind, start, end: piece.end });
    start = piece.end;
  }
}

/** The piece that a reader is typing at `place`, from its beginning; null where none begins. */
export function typed(text: string, place: number): { readonly start: number; readonly text: string } | null {
  const piece = lex(text.slice(0, place)).at(-1);
  if (piece === undefined || piece.end !== place) return null;
  if (!["word", "list", "field", "and", "or", "not", "exclude", "near"].includes(piece.kind)) return null;
  return { start: piece.start, text: text.slice(piece.start, place) };
}

/** Where the character of that number (as Python counts them) stands in a script's string. */
export function placeOf(text: string, count: number): number {
  let place = 0;
  for (let each = 0; each < count && place < text.length; each += 1) {
    place += (text.codePointAt(place) ?? 0) > 0xffff ? 2 : 1;
  }
  return place;
}
