/** A figure's table as a file (RFC 4180). */

import type { Table } from "./data";

/** What a spreadsheet would take for a formula is kept from being one. */
function safe(text: string): string {
  return /^[=+\-@\t\r]/.test(text) && !Number.isFinite(Number(text)) ? `'${text}` : text;
}

function quoted(text: string): string {
  const shown = safe(text);
  return /[",\r\n]/.test(shown) ? `"${shown.replaceAll('"', '""')}"` : shown;
}

/** Numbers and times as machines write them, hidden cells as they read, remarks in a last column. */
export function csv(table: Table, said: { readonly gap: string; readonly learning: string }): string {
  const marked = table.rows.map((row) =>
    [
      row.gap ? said.gap : "",
      row.learning ? said.learning : "",
      row.change,
      row.event,
    ].filter(Boolean).join("; "),
  );
  const remarks = marked.some(Boolean);
  const lines = [
    [...table.columns.map(({ label }) => label), ...(remarks ? [""] : [])],
    ...table.rows.map((row, place) => [
      ...row.cells.map((cell) => (cell.hidden ? cell.text : (cell.value ?? cell.text))),
      ...(remarks ? [marked[place]!] : []),
    ]),
  ];
  return lines.map((cells) => cells.map(quoted).join(",") + "\r\n").join("");
}
