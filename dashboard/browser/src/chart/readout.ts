/** What a figure says at one place, in words: for a screen reader and for everybody's eye. */

import { line, measure, parts, shares, type Data } from "./data";

export interface Words {
  readonly hidden: string;
  readonly gap: string;
  readonly learning: string;
  /** With {low} and {high}. */
  readonly normal: string;
}

export interface Written {
  readonly count: (value: number) => string;
  readonly share: (value: number) => string;
}

export function readout(data: Data, place: number, words: Words, written: Written): string {
  const said: string[] = [];
  const whole = parts(data);
  if (whole.length > 0) {
    const each = shares(whole);
    whole.forEach(({ label, hidden }, index) => {
      const value = each[index]?.[place] ?? null;
      if (value !== null) said.push(`${label} ${written.share(value)}`);
      else if (hidden[place]) said.push(`${label} ${words.hidden}`);
    });
  }
  for (const { role, label, points, hidden } of data.lines) {
    if (!["value", "share", "compare", "before"].includes(role)) continue;
    const value = points[place] ?? null;
    if (value !== null) {
      said.push(`${label} ${role === "share" ? written.share(value) : written.count(value)}`);
    } else if (hidden[place]) said.push(`${label} ${words.hidden}`);
  }
  const low = line(data, "low")?.points[place] ?? null;
  const high = line(data, "high")?.points[place] ?? null;
  if (low !== null && high !== null) {
    const write = measure(data)?.role === "share" ? written.share : written.count;
    said.push(words.normal.replace("{low}", write(low)).replace("{high}", write(high)));
  }
  if (data.gaps[place]) said.push(words.gap);
  if (data.learning[place]) said.push(words.learning);
  if (data.changes[place]) said.push(data.changes[place]);
  if (data.events[place]) said.push(data.events[place]);
  return `${data.names[place] ?? ""}: ${said.join(", ")}`;
}
