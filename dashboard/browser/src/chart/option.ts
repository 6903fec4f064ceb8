/** What is drawn of a figure's numbers, as ECharts wants it said. Nothing here knows of a page. */

import type { EChartsCoreOption } from "echarts/core";

import { latest, line, measure, parts, rowsOf, shares, spread, top, type Data, type Line, type Point } from "./data";
import type { Palette } from "./palette";
import type { Written } from "./readout";

export type Kind = "timeline" | "bars" | "stack" | "compare";

export interface Given {
  readonly kind: Kind;
  readonly data: Data;
  readonly title: string;
  readonly colours: Palette;
  readonly written: Written;
  readonly width: number;
  readonly height: number;
  readonly threshold: number;
  /** How wide a text is, in pixels. */
  readonly wide: (text: string) => number;
}

interface Room {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** A line of a figure as it is drawn: its name stands at its end. */
interface Drawn {
  readonly line: Line;
  readonly colour: string;
}

const SIZE = 12;
const LINE = 16;
const MARK = 13;
/** A piece of a part before its name, and the space after it. */
const PIECE = { width: 18, height: 12 };
const PIECES = PIECE.width + 5;
const LABELS = 180;
/** Between a name and what it names. */
const SLACK = 14;

/** Whether the names run along the height: figures of names, not of times. */
export function isLying(data: Data): boolean {
  return data.times.length === 0;
}

export function option(given: Given): EChartsCoreOption {
  const { kind, data } = given;
  const drawn =
    parts(data).length > 0 && kind !== "compare"
      ? isLying(data)
        ? lyingStack(given)
        : stack(given)
      : isLying(data)
        ? bars(given)
        : timeline(given);
  return {
    animation: false,
    aria: { enabled: true, label: { description: given.title } },
    textStyle: { fontFamily: given.colours.font, fontSize: SIZE, color: given.colours.ink },
    ...drawn,
  };
}

function timeline(given: Given): EChartsCoreOption {
  const { data, colours, written } = given;
  const main = measure(data);
  const other = line(data, "compare");
  const isShare = main?.role === "share";
  const write = isShare ? written.share : written.count;
  const low = line(data, "low");
  const high = line(data, "high");
  const before = line(data, "before");
  const shown = [main, other, before, high].filter((each) => each !== undefined);
  const axis = top(shown.flatMap(({ points }) => points));

  const lines: Drawn[] = [];
  if (main) lines.push({ line: main, colour: colours.series[0]! });
  if (other) lines.push({ line: other, colour: colours.series[1]! });
  if (before) lines.push({ line: before, colour: colours.muted });
  const seen = lines.filter((each) => last(each.line.points) !== null);
  const named = lines.length > 1 ? seen : [];
  const room = roomFor(given, ticks(axis).map(write), named.map((each) => each.line.label));
  const at = (value: number): number =>
    room.top + (given.height - room.top - room.bottom) * (1 - value / axis.top);

  const series: unknown[] = [gaps(given, axis.top)];
  if (low && high) series.push(...band(low, high, colours));
  if (before) {
    series.push(plain(before, colours.muted, { width: 1, type: [2, 3] }));
  }
  if (main) {
    const learned = (grey: boolean): readonly Point[] =>
      main.points.map((value, place) => {
        const here = data.learning[place] === grey;
        const touches = grey && (data.learning[place - 1] || data.learning[place + 1]);
        return here || touches ? value : null;
      });
    if (data.learning.some(Boolean)) {
      series.push(plain({ ...main, points: learned(true) }, colours.muted, { width: 2 }));
    }
    series.push({
      ...plain({ ...main, points: learned(false) }, colours.series[0]!, { width: 2 }),
      markLine: markLines(given, room),
    });
  }
  if (other) series.push(plain(other, colours.series[1]!, { width: 2, type: [6, 2] }));
  series.push(hiddenMarks(data, lines, colours));

  return {
    grid: { ...room, containLabel: false, outerBoundsMode: "none" },
    xAxis: [timeAxis(given, room), gapAxis(data)],
    yAxis: valueAxis(axis, write, colours),
    series,
    graphic: endLabels(given, room, named.map((each) => ({
      text: each.line.label,
      colour: each.colour,
      at: at(last(each.line.points) ?? 0),
    }))),
  };
}

function stack(given: Given): EChartsCoreOption {
  const { data, colours, written } = given;
  const lines = parts(data);
  const values = shares(lines);
  const axis = { top: 1, step: 0.25 };
  const ends = roomFor(given, ticks(axis).map(written.share), lines.map(({ label }) => label));
  const room = { ...ends, right: ends.right + PIECES };
  const height = given.height - room.top - room.bottom;
  let below = 0;
  const labels = latest(values).flatMap((share, index) => {
    if (share === null) return [];
    const middle = below + share / 2;
    below += share;
    return [{ text: lines[index]!.label, colour: colours.ink, at: room.top + height * (1 - middle), index }];
  });
  const pieces = piecesOf(given, room, labels);
  return {
    grid: [{ ...room, containLabel: false, outerBoundsMode: "none" }, pieces.grid],
    xAxis: [timeAxis(given, room), gapAxis(data), pieces.xAxis],
    yAxis: [valueAxis(axis, written.share, colours), pieces.yAxis],
    aria: { enabled: true, label: { description: given.title }, decal: decals(lines, colours, [{ symbol: "none" }]) },
    series: [
      gaps(given, 1),
      ...lines.map(({ label, role }, index) => ({
        type: "bar",
        name: label,
        stack: "whole",
        data: values[index],
        barCategoryGap: data.names.length > 60 ? "0%" : "12%",
        silent: true,
        itemStyle: { color: toneColour(role, index, colours) },
        ...(index === 0 ? { markLine: markLines(given, room) } : {}),
      })),
      hiddenMarks(data, lines.map((each) => ({ line: each, colour: "" })), colours, true),
      ...pieces.series,
    ],
    graphic: endLabels(given, room, labels, PIECES),
  };
}

/**
 * A piece of each part before its name, as it is drawn in the bars: a part need not be in the bar
 * that the names stand beside. The pieces are a bar of their own, apart from each other.
 */
function piecesOf(
  given: Given,
  room: Room,
  labels: readonly { readonly at: number; readonly index: number }[],
): { readonly grid: unknown; readonly xAxis: unknown; readonly yAxis: unknown; readonly series: readonly unknown[] } {
  const { data, colours } = given;
  const lines = parts(data);
  const foot = given.height - room.bottom + LINE / 2;
  const places = endPlaces(given, room, labels);
  const shape = { type: "bar", stack: "pieces", xAxisIndex: 2, yAxisIndex: 1, barWidth: "100%", silent: true };
  const axis = { show: false, gridIndex: 1 };
  let filled = 0;
  const series = labels
    .map(({ index }, order) => ({ index, from: foot - places[order]! - PIECE.height / 2 }))
    .sort((a, b) => a.from - b.from)
    .flatMap(({ index, from }) => {
      const { label, role } = lines[index]!;
      const space = from - filled;
      filled = from + PIECE.height;
      return [
        { ...shape, name: "", data: [space], itemStyle: { color: "transparent", decal: { symbol: "none" } } },
        // Of one name with its part, it has the pattern of that.
        { ...shape, name: label, data: [PIECE.height], itemStyle: { color: toneColour(role, index, colours) } },
      ];
    });
  return {
    grid: {
      left: given.width - room.right + 6,
      width: PIECE.width,
      top: room.top - LINE / 2,
      bottom: room.bottom - LINE / 2,
      containLabel: false,
      outerBoundsMode: "none",
    },
    xAxis: { ...axis, type: "category", data: [""] },
    yAxis: { ...axis, type: "value", min: 0, max: foot - room.top + LINE / 2 },
    series,
  };
}

function lyingStack(given: Given): EChartsCoreOption {
  const { data, colours, written } = given;
  const lines = parts(data);
  const values = shares(lines);
  const left = Math.min(LABELS, Math.max(...data.names.map(given.wide), 0) + SLACK);
  const wide = given.width - left - 8;
  let begun = 0;
  const middles = lines.map((_, index) => {
    const share = values[index]?.[0] ?? 0;
    const middle = left + wide * (begun + share / 2);
    begun += share;
    return middle;
  });
  const widest = Math.max(...lines.map(({ label }) => given.wide(label))) + 10;
  const placed = spread(middles, widest, left + widest / 2, given.width - widest / 2);
  return {
    grid: { left, right: 8, top: 24, bottom: 6, containLabel: false, outerBoundsMode: "none" },
    xAxis: { type: "value", min: 0, max: 1, show: false },
    yAxis: nameAxis(data, colours, left),
    aria: { enabled: true, label: { description: given.title }, decal: decals(lines, colours, []) },
    series: lines.map(({ label, role }, index) => ({
      type: "bar",
      name: label,
      stack: "whole",
      data: values[index],
      barWidth: 18,
      silent: true,
      itemStyle: { color: toneColour(role, index, colours) },
      label: {
        show: true,
        color: colours.ink,
        textBorderColor: colours.ground,
        textBorderWidth: 3,
        formatter: ({ value }: { value: number | null }) =>
          value !== null && value * wide > 38 ? written.share(value) : "",
      },
    })),
    graphic: lines.map(({ label }, index) => ({
      type: "text",
      x: placed[index],
      y: 4,
      silent: true,
      style: { text: label, fill: colours.ink, font: font(colours), textAlign: "center" },
    })),
  };
}

function bars(given: Given): EChartsCoreOption {
  const { data, colours, written } = given;
  const main = measure(data);
  const other = line(data, "compare");
  const lines = [main, other].filter((each) => each !== undefined);
  const write = main?.role === "share" ? written.share : written.count;
  const left = Math.min(LABELS, given.width * 0.45, Math.max(...data.names.map(given.wide), 0) + SLACK);
  const most = Math.max(1e-9, ...lines.flatMap(({ points }) => points.map((value) => value ?? 0)));
  const right = Math.max(...lines.flatMap(({ points }) => points.map((value) => given.wide(write(value ?? 0))))) + 14;
  return {
    grid: { left, right, top: other ? 24 : 6, bottom: 6, containLabel: false, outerBoundsMode: "none" },
    xAxis: { type: "value", min: 0, max: most, show: false },
    yAxis: nameAxis(data, colours, left),
    series: lines.map(({ points, hidden }, index) => ({
      type: "bar",
      name: lines[index]!.label,
      data: points.map((value, place) => ({
        value: value ?? 0,
        itemStyle: { color: colours.series[index]! },
        label: {
          show: true,
          position: "right",
          color: value === null ? colours.muted : colours.ink,
          formatter: value === null ? (hidden[place] ? `<${given.threshold}` : "–") : write(value),
        },
      })),
      barWidth: lines.length > 1 ? 9 : 16,
      silent: true,
    })),
    graphic: other ? pairNames(given, left, [main?.label ?? "", other.label]) : [],
  };
}

/** The names of two series of bars, each in its colour, above them. */
function pairNames({ colours, wide }: Given, left: number, names: readonly string[]): unknown[] {
  let at = left;
  return names.map((text, index) => {
    const x = at;
    at += wide(text) + 18;
    const style = { text, fill: colours.series[index], font: font(colours) };
    return { type: "text", x, y: 4, silent: true, style };
  });
}

/** What is normal: the space between two lines. */
function band(low: Line, high: Line, colours: Palette): unknown[] {
  const shape = { type: "line", stack: "band", symbol: "none", silent: true, lineStyle: { opacity: 0 } };
  return [
    { ...shape, name: low.label, data: low.points },
    {
      ...shape,
      name: high.label,
      data: high.points.map((value, place) => {
        const from = low.points[place] ?? null;
        return value === null || from === null ? null : value - from;
      }),
      areaStyle: { color: colours.band, opacity: 1 },
    },
  ];
}

function plain(
  { label, points }: Line,
  colour: string,
  style: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  // A point between two that are hidden has no line to stand on.
  const lonely = points.map(
    (value, place) =>
      value !== null && (points[place - 1] ?? null) === null && (points[place + 1] ?? null) === null,
  );
  return {
    type: "line",
    name: label,
    data: points.map((value, place) => ({ value, symbol: lonely[place] ? "circle" : "none" })),
    symbolSize: 5,
    connectNulls: false,
    silent: true,
    lineStyle: { color: colour, ...style },
    itemStyle: { color: colour },
  };
}

/** Where nothing was collected the whole height is hatched. */
function gaps({ data, colours }: Given, height: number): unknown {
  return {
    type: "bar",
    name: "",
    xAxisIndex: 1,
    data: data.gaps.map((isGap) => (isGap ? height : null)),
    barWidth: "100%",
    silent: true,
    z: 0,
    itemStyle: {
      color: colours.sunken,
      decal: { symbol: "rect", rotation: -Math.PI / 4, dashArrayX: [1, 0], dashArrayY: [1, 5], color: colours.edge },
    },
  };
}

/** A small count is a short mark below the axis, never a zero. */
function hiddenMarks(
  data: Data,
  lines: readonly Drawn[],
  colours: Palette,
  all = false,
): unknown {
  const isHidden = (place: number): boolean =>
    all
      ? lines.every(({ line: each }) => (each.points[place] ?? null) === null)
      : lines.some(({ line: each }) => each.hidden[place] && each.role !== "before");
  return {
    type: "scatter",
    name: "",
    data: data.names.map((_, place) => (isHidden(place) && !data.gaps[place] ? 0 : null)),
    symbol: "rect",
    symbolSize: [3, 5],
    symbolOffset: [0, 3],
    silent: true,
    clip: false,
    itemStyle: { color: colours.muted },
    z: 3,
  };
}

interface Mark {
  readonly text: string;
  readonly place: number;
  readonly kind: "dotted" | "solid";
  readonly align: "left" | "center" | "right";
  readonly row: number;
}

/** Dotted where the rule or the model changed, whole where the calendar has an event. */
function marksOf({ data, width, wide }: Given, room: Omit<Room, "top">): readonly Mark[] {
  const cut = (text: string): string => (text.length > 28 ? `${text.slice(0, 27)}…` : text);
  const found = data.names.flatMap((_, place) => [
    ...(data.changes[place] ? [{ text: cut(data.changes[place]), place, kind: "dotted" as const }] : []),
    ...(data.events[place] ? [{ text: cut(data.events[place]), place, kind: "solid" as const }] : []),
  ]);
  const space = width - room.left - room.right;
  const placed = found.map((each) => {
    const at = room.left + (space * (each.place + 0.5)) / data.names.length;
    const half = wide(each.text) / 2;
    // Left of the plot the numbers of the axis stand.
    if (at - half < room.left) return { ...each, align: "left" as const, ends: [at, at + 2 * half] as const };
    if (at + half > width) return { ...each, align: "right" as const, ends: [at - 2 * half, at] as const };
    return { ...each, align: "center" as const, ends: [at - half, at + half] as const };
  });
  const rows = rowsOf(placed.map(({ ends }) => ends));
  return placed.map((each, index) => ({ ...each, row: rows[index]! }));
}

function markLines(given: Given, room: Room): unknown {
  const { colours } = given;
  return {
    symbol: "none",
    silent: true,
    animation: false,
    data: marksOf(given, room).map(({ text, place, kind, align, row }) => ({
      xAxis: place,
      lineStyle: { type: kind, color: colours.edge, width: 1 },
      label: {
        formatter: text,
        position: "end",
        color: colours.muted,
        fontSize: 11,
        align,
        distance: 2 + row * MARK,
      },
    })),
  };
}

function timeAxis({ data, colours, width, wide }: Given, room: Room): unknown {
  const space = width - room.left - room.right;
  const middle = (index: number): number => room.left + ((index + 0.5) / data.names.length) * space;
  const widest = Math.max(...data.names.map(wide), 1) + 16;
  // Where the first would stick out it begins at its place, so the next one leaves room.
  const sticksOut = middle(0) < wide(data.names[0] ?? "") / 2;
  const apart = sticksOut ? 1.5 * widest : widest;
  const every = Math.max(1, Math.ceil((apart * data.names.length) / Math.max(space, 1)));
  return {
    type: "category",
    data: data.names,
    boundaryGap: true,
    axisLine: { lineStyle: { color: colours.edge } },
    axisTick: { show: false },
    axisLabel: {
      color: colours.muted,
      interval: (index: number) => index % every === 0 && middle(index) + widest / 2 < width + 8,
      ...(sticksOut ? { alignMinLabel: "left" } : {}),
      hideOverlap: true,
      margin: 8,
    },
  };
}

/** Gaps have an axis of their own: they are as wide as a bin, whatever is drawn in it. */
function gapAxis(data: Data): unknown {
  return { type: "category", data: data.names, boundaryGap: true, show: false };
}

function valueAxis(
  axis: { readonly top: number; readonly step: number },
  write: (value: number) => string,
  colours: Palette,
): unknown {
  return {
    type: "value",
    min: 0,
    max: axis.top,
    interval: axis.step,
    axisLabel: { color: colours.muted, formatter: write },
    splitLine: { lineStyle: { color: colours.grid } },
  };
}

function nameAxis(data: Data, colours: Palette, left: number): unknown {
  return {
    type: "category",
    data: data.names,
    inverse: true,
    axisLine: { show: false },
    axisTick: { show: false },
    axisLabel: { color: colours.ink, interval: 0, width: left - 8, overflow: "truncate" },
  };
}

function roomFor(given: Given, axis: readonly string[], ends: readonly string[]): Room {
  const widest = (texts: readonly string[]): number => Math.max(0, ...texts.map(given.wide));
  const room = {
    left: widest(axis) + 12,
    right: ends.length > 0 ? Math.min(widest(ends), given.width * 0.3) + 10 : 8,
    bottom: 28,
  };
  const rows = Math.max(0, ...marksOf(given, room).map(({ row }) => row + 1));
  return { ...room, top: 10 + rows * MARK };
}

/** How high the names at the end of a figure stand, in pixels from its top. */
function endPlaces(given: Given, room: Room, labels: readonly { readonly at: number }[]): readonly number[] {
  return spread(labels.map(({ at }) => at), LINE, room.top, given.height - room.bottom);
}

function endLabels(
  given: Given,
  room: Room,
  labels: readonly { readonly text: string; readonly colour: string; readonly at: number }[],
  indent = 0,
): unknown[] {
  const placed = endPlaces(given, room, labels);
  return labels.map(({ text, colour }, index) => ({
    type: "text",
    x: given.width - room.right + 6 + indent,
    y: placed[index]!,
    silent: true,
    style: {
      text,
      fill: colour,
      font: font(given.colours),
      textVerticalAlign: "middle",
      width: room.right - 8 - indent,
      overflow: "truncate",
    },
  }));
}

/** Patterns beside colours, so that parts are told apart without them. */
function decals(lines: readonly Line[], colours: Palette, before: readonly unknown[]): unknown {
  const shapes: Readonly<Record<string, unknown>> = {
    "tone:negative": { symbol: "rect", rotation: Math.PI / 4, dashArrayX: [1, 0], dashArrayY: [1, 6], color: colours.ground },
    "tone:neutral": { symbol: "none" },
    "tone:positive": { symbol: "circle", dashArrayX: [[0, 8], [4, 8]], dashArrayY: [4, 4], symbolSize: 0.5, color: colours.ground },
    "tone:hidden": { symbol: "circle", dashArrayX: [[0, 7], [3, 7]], dashArrayY: [3, 5], symbolSize: 0.5, color: colours.edge },
    "tone:abstained": { symbol: "rect", rotation: -Math.PI / 4, dashArrayX: [1, 0], dashArrayY: [1, 4], color: colours.edge },
  };
  return { show: true, decals: [...before, ...lines.map(({ role }) => shapes[role] ?? { symbol: "none" })] };
}

function toneColour(role: string, index: number, colours: Palette): string {
  return colours.tones[role.split(":")[1] ?? ""] ?? colours.series[index % colours.series.length]!;
}

function ticks(axis: { readonly top: number; readonly step: number }): readonly number[] {
  return Array.from({ length: Math.round(axis.top / axis.step) + 1 }, (_, each) => each * axis.step);
}

function last(points: readonly Point[]): Point {
  return points.findLast((value) => value !== null) ?? null;
}

function font(colours: Palette): string {
  return `${SIZE}px ${colours.font}`;
}
