/** The table of a figure as values. */

import type { Cell, Table } from "./data";

function cell(element: HTMLTableCellElement): Cell {
  const time = element.querySelector("time");
  const copy = element.cloneNode(true) as HTMLElement;
  for (const mark of copy.querySelectorAll(".mark")) mark.remove();
  return {
    text: (copy.textContent ?? "").trim().replace(/\s+/g, " "),
    value: element.dataset["value"] ?? time?.dateTime ?? null,
    hidden: "hidden" in element.dataset,
  };
}

export function table(element: HTMLTableElement): Table {
  const head = element.tHead?.rows[0];
  return {
    columns: [...(head?.cells ?? [])].map((each) => ({
      role: each.dataset["role"] ?? "",
      label: (each.textContent ?? "").trim(),
    })),
    rows: [...element.tBodies].flatMap((body) =>
      [...body.rows].map((row) => ({
        cells: [...row.cells].map(cell),
        gap: "gap" in row.dataset,
        learning: "learning" in row.dataset,
        change: row.dataset["change"] ?? "",
        event: row.dataset["event"] ?? "",
      })),
    ),
  };
}
