/** A figure's numbers, as its table says them. Nothing here knows of a page. */

export interface Cell {
  readonly text: string;
  /** The number, or what a machine writes; null where the table does not say. */
  readonly value: string | null;
  /** Too small to be shown. */
  readonly hidden: boolean;
}

export interface Row {
  readonly cells: readonly Cell[];
  readonly gap: boolean;
  readonly learning: boolean;
  readonly change: string;
  readonly event: string;
}

export interface Column {
  readonly role: string;
  readonly label: string;
}

export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
}

/** A number of a column: null where there is none, or where it may not be shown. */
export type Point = number | null;

export interface Line {
  readonly role: string;
  readonly label: string;
  readonly points: readonly Point[];
  readonly hidden: readonly boolean[];
}

export interface Data {
  /** What stands on the axis: the times or the names, as people read them. */
  readonly names: readonly string[];
  /** The same as a machine writes it; empty for names. */
  readonly times: readonly string[];
  readonly lines: readonly Line[];
  readonly gaps: readonly boolean[];
  readonly learning: readonly boolean[];
  readonly changes: readonly string[];
  readonly events: readonly string[];
}

/** A number in a cell; a column of shares counts from 0 to 1. */
export function number(cell: Cell | undefined): Point {
  if (cell === undefined || cell.hidden || cell.value === null || cell.value === "") return null;
  const value = Number(cell.value);
  return Number.isFinite(value) ? value : null;
}

export function read(table: Table): Data {
  const first = table.columns.findIndex(({ role }) => role === "time" || role === "name");
  const axis = Math.max(first, 0);
  const isTime = table.columns[axis]?.role === "time";
  return {
    names: table.rows.map((row) => row.cells[axis]?.text ?? ""),
    times: isTime ? table.rows.map((row) => row.cells[axis]?.value ?? "") : [],
    lines: table.columns.flatMap(({ role, label }, place) =>
      place === axis || role === ""
        ? []
        : [
            {
              role,
              label,
              points: table.rows.map((row) => number(row.cells[place])),
              hidden: table.rows.map((row) => row.cells[place]?.hidden ?? false),
            },
          ],
    ),
    gaps: table.rows.map((row) => row.gap),
    learning: table.rows.map((row) => row.learning),
    changes: table.rows.map((row) => row.change),
    events: table.rows.map((row) => row.event),
  };
}

export function line(data: Data, role: string): Line | undefined {
  return data.lines.find((each) => each.role === role);
}

/** The column that the figure is about. */
export function measure(data: Data): Line | undefined {
  return line(data, "value") ?? line(data, "share");
}

/** The columns of which a whole consists. */
export function parts(data: Data): readonly Line[] {
  return data.lines.filter(({ role }) => role.startsWith("tone:") || role.startsWith("part:"));
}

/** Each part's share of what may be shown at a place; null where nothing may. */
export function shares(lines: readonly Line[]): readonly (readonly Point[])[] {
  const length = lines[0]?.points.length ?? 0;
  const totals = Array.from({ length }, (_, place) =>
    lines.reduce((sum, each) => sum + (each.points[place] ?? 0), 0),
  );
  return lines.map(({ points }) =>
    points.map((value, place) => {
      const total = totals[place] ?? 0;
      return value === null || total === 0 ? null : value / total;
    }),
  );
}

/**
 * The shares at the last place where anything is shown: names stand beside it. Zero for a part that
 * is only elsewhere, null for one that is nowhere.
 */
export function latest(shares: readonly (readonly Point[])[]): readonly Point[] {
  const isThere = (value: Point | undefined): boolean => (value ?? 0) > 0;
  const places = shares.map((each) => each.findLastIndex(isThere));
  const last = Math.max(...places);
  return shares.map((each, index) => (places[index]! < 0 ? null : (each[last] ?? 0)));
}

/** The upper end of an axis from zero: 1, 2 or 5 times a power of ten, in at most four steps. */
export function top(values: Iterable<Point>): { readonly top: number; readonly step: number } {
  let most = 0;
  for (const value of values) most = Math.max(most, value ?? 0);
  if (most === 0) return { top: 1, step: 1 };
  const power = 10 ** Math.floor(Math.log10(most / 4));
  const step = [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => most <= 4 * each);
  const chosen = step ?? 10 * power;
  return { top: chosen * Math.ceil(most / chosen - 1e-9), step: chosen };
}

/** `wanted` places for labels moved apart to `distance`, in their order, from `low` to `high`. */
export function spread(
  wanted: readonly number[],
  distance: number,
  low: number,
  high: number,
): readonly number[] {
  const order = wanted.map((_, index) => index).sort((a, b) => wanted[a]! - wanted[b]!);
  const placed = [...wanted];
  let floor = low;
  for (const index of order) {
    placed[index] = Math.max(wanted[index]!, floor);
    floor = placed[index]! + distance;
  }
  let ceiling = high;
  for (const index of order.reverse()) {
    placed[index] = Math.min(placed[index]!, ceiling);
    ceiling = placed[index]! - distance;
  }
  return placed;
}

/** The row of each label (0: the lowest), so that none stands over another; `ends` are pixels. */
export function rowsOf(ends: readonly (readonly [from: number, to: number])[]): readonly number[] {
  const taken: number[] = [];
  return ends.map(([from, to]) => {
    const free = taken.findIndex((until) => until + 6 < from);
    const row = free < 0 ? taken.length : free;
    taken[row] = to;
    return row;
  });
}

/**
 * The days of the bins `from` to `to`, both of them in it: the first day, and the day after the
 * last. A bin ends where the next begins; the last is as long as the one before it.
 */
export function days(
  times: readonly string[],
  from: number,
  to: number,
): { readonly since: string; readonly until: string } {
  const [first, last] = from <= to ? [from, to] : [to, from];
  const moments = times.map((time) => Date.parse(time.length > 10 ? `${time}Z` : time));
  const begin = moments[first]!;
  const length = last > 0 ? moments[last]! - moments[last - 1]! : 86_400_000;
  const end = moments[last + 1] ?? moments[last]! + length;
  const day = 86_400_000;
  const written = (moment: number): string => new Date(moment).toISOString().slice(0, 10);
  return { since: written(begin), until: written(Math.ceil(end / day) * day) };
}
