import assert from "node:assert/strict";
import { test } from "node:test";

import { csv } from "../src/chart/csv";
import { days, latest, number, read, rowsOf, shares, spread, top, type Cell, type Table } from "../src/chart/data";
import { option } from "../src/chart/option";
import type { Palette } from "../src/chart/palette";
import { readout } from "../src/chart/readout";

function cell(text: string, value: string | null = null, hidden = false): Cell {
  return { text, value, hidden };
}

const table: Table = {
  columns: [
    { role: "time", label: "Day" },
    { role: "value", label: "Posts" },
    { role: "low", label: "From" },
    { role: "high", label: "Up to" },
  ],
  rows: [
    { cells: [cell("Mon", "2026-11-02"), cell("1.200", "1200"), cell("900", "900"), cell("1.300", "1300")], gap: false, learning: false, change: "", event: "" },
    { cells: [cell("Tue", "2026-11-03"), cell("<10", null, true), cell("–"), cell("–")], gap: true, learning: true, change: "v2", event: "" },
  ],
};
const words = { hidden: "fewer than 10", gap: "gap", learning: "learning", normal: "normal: {low} to {high}" };
const written = { count: String, share: (value: number) => `${Math.round(value * 100)}%` };

test("a hidden cell is no zero", () => {
  const data = read(table);
  assert.deepEqual(data.lines[0]?.points, [1200, null]);
  assert.deepEqual(data.lines[0]?.hidden, [false, true]);
  assert.equal(number(cell("", "0")), 0);
  assert.equal(number(cell("–")), null);
  assert.equal(number(cell("5", "5", true)), null);
});

test("numbers are read as machines write them, not as people do", () => {
  assert.equal(read(table).lines[0]?.points[0], 1200);
});

test("a place in a figure is read out with what is normal, and why there is no number", () => {
  const data = read(table);
  assert.equal(readout(data, 0, words, written), "Mon: Posts 1200, normal: 900 to 1300");
  assert.equal(readout(data, 1, words, written), "Tue: Posts fewer than 10, gap, learning, v2");
});

test("shares of a whole sum to one where something is shown", () => {
  const line = (points: (number | null)[]) => ({ role: "tone:a", label: "", points, hidden: [] });
  const found = shares([line([1, null, 0]), line([3, null, 0])]);
  assert.deepEqual(found, [[0.25, null, null], [0.75, null, null]]);
});

test("an axis ends at or above the largest value, in at most five steps", () => {
  for (let value = 0.0007; value < 1e7; value *= 1.37) {
    const axis = top([value, null]);
    assert.ok(axis.top >= value, `${axis.top} >= ${value}`);
    assert.ok(axis.top <= value * 2 + 1e-9, `${axis.top} is far above ${value}`);
    const steps = axis.top / axis.step;
    assert.ok(Math.abs(steps - Math.round(steps)) < 1e-6 && steps <= 5);
  }
  assert.deepEqual(top([null]), { top: 1, step: 1 });
});

test("labels keep their distance and their order", () => {
  const placed = spread([50, 52, 51, 10], 16, 0, 100);
  const order = [3, 0, 2, 1].map((index) => placed[index]!);
  for (let index = 1; index < order.length; index += 1) {
    assert.ok(order[index]! - order[index - 1]! >= 16);
  }
  assert.ok(Math.max(...placed) <= 100 && Math.min(...placed) >= 0);
});

test("a chosen period begins with its first bin and ends before the one after its last", () => {
  const weekly = ["2026-10-26", "2026-11-02", "2026-11-09"];
  assert.deepEqual(days(weekly, 0, 1), { since: "2026-10-26", until: "2026-11-09" });
  assert.deepEqual(days(weekly, 2, 1), { since: "2026-11-02", until: "2026-11-16" });
  assert.deepEqual(days(["2026-10-24", "2026-10-25", "2026-10-26"], 1, 1), { since: "2026-10-25", until: "2026-10-26" });
  assert.deepEqual(days(["2026-11-02T10:00", "2026-11-02T11:00"], 0, 1), { since: "2026-11-02", until: "2026-11-03" });
});

test("a file has machine's numbers, says what is hidden, and holds no formula", () => {
  const evil: Table = {
    columns: [{ role: "name", label: "=cmd" }, { role: "value", label: 'a "b", c' }],
    rows: [{ cells: [cell("@sum(1)"), cell("-5", "-5")], gap: false, learning: false, change: "", event: "" }],
  };
  assert.equal(csv(table, words), "Day,Posts,From,Up to,\r\n2026-11-02,1200,900,1300,\r\n2026-11-03,<10,–,–,gap; learning; v2\r\n");
  assert.equal(csv(evil, words), "'=cmd,\"a \"\"b\"\", c\"\r\n'@sum(1),-5\r\n");
});

test("labels that would touch stand in rows", () => {
  assert.deepEqual(rowsOf([[0, 50], [40, 90], [60, 100], [97, 120]]), [0, 1, 0, 1]);
});

test("names of parts stand beside the last place; a part that is nowhere has none", () => {
  assert.deepEqual(latest([[0.5, 0.4, 1, null], [0.5, 0.6, null, null], [null, null, 0, null]]), [1, 0, null]);
  assert.deepEqual(latest([[null], [null]]), [null, null]);
  assert.deepEqual(latest([]), []);
});

interface Drawing {
  readonly grid: readonly { readonly bottom: number }[];
  readonly series: readonly {
    readonly name: string;
    readonly stack?: string;
    readonly data: readonly number[];
    readonly itemStyle: { readonly color: string };
  }[];
  readonly graphic: readonly { readonly y: number; readonly style: { readonly text: string } }[];
}

test("before the name of a part stands a piece of it, also of one that is not in the last bar", () => {
  const roles = ["tone:negative", "tone:hidden", "tone:abstained", "tone:positive"];
  const rows = [["60", "20", "20", null], ["80", null, "20", null]].map((values, place) => ({
    cells: [cell(`${place}`, `2026-11-0${place + 1}`), ...values.map((value) => cell(value ?? "", value))],
    gap: false, learning: false, change: "", event: "",
  }));
  const data = read({
    columns: [{ role: "time", label: "Day" }, ...roles.map((role) => ({ role, label: `${role}!` }))],
    rows,
  });
  const tones = { negative: "red", hidden: "grey", abstained: "white", positive: "blue" };
  const colours: Palette = {
    ground: "", ink: "", muted: "", accent: "", band: "", grid: "", edge: "", sunken: "", series: [], tones, font: "",
  };
  const height = 200;
  const drawn = option({
    kind: "stack", data, title: "", colours, written, width: 400, height, threshold: 10, wide: (text) => text.length * 7,
  }) as unknown as Drawing;
  let filled = 0;
  const pieces = drawn.series
    .filter(({ stack }) => stack === "pieces")
    .flatMap(({ name, data: [long], itemStyle }) => {
      const from = filled;
      filled += long!;
      const middle = Math.round(height - drawn.grid[1]!.bottom - (from + filled) / 2);
      return name === "" ? [] : [{ name, colour: itemStyle.color, middle }];
    });
  const names = drawn.graphic.map(({ style, y }) => ({ name: style.text, middle: Math.round(y) }));
  assert.deepEqual(names.map(({ name }) => name), ["tone:negative!", "tone:hidden!", "tone:abstained!"]);
  assert.deepEqual(pieces.map(({ name, middle }) => ({ name, middle })), names);
  assert.deepEqual(pieces.map(({ colour }) => colour), ["red", "grey", "white"]);
  for (const { name, colour } of pieces) {
    assert.equal(drawn.series.find((each) => each.name === name && each.stack === "whole")?.itemStyle.color, colour);
  }
});
