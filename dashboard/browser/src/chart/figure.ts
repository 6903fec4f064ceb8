/** A figure on a page: its table drawn, read by keyboard and pointer, a period chosen in it. */

import * as echarts from "echarts/core";

import { copy, download } from "../clipboard";
import { say } from "../strings";
import { csv } from "./csv";
import { days, read, type Data, type Table } from "./data";
import { isLying, option, type Kind } from "./option";
import { palette } from "./palette";
import { picture } from "./picture";
import { readout, type Written } from "./readout";
import { table } from "./reading";

const KINDS: ReadonlySet<string> = new Set(["timeline", "bars", "stack", "compare"]);

export class Figure {
  readonly #element: HTMLElement;
  readonly #canvas: HTMLElement;
  readonly #drawing = document.createElement("div");
  readonly #cursor = document.createElement("div");
  readonly #chosen = document.createElement("div");
  readonly #readout: HTMLElement | null;
  readonly #table: Table;
  readonly #data: Data;
  readonly #written: Written;
  readonly #chart: echarts.ECharts;
  readonly #sizes: ResizeObserver;
  #place = -1;
  #anchor = -1;

  constructor(element: HTMLElement) {
    const canvas = element.querySelector<HTMLElement>(".chart-canvas");
    const source = element.querySelector<HTMLTableElement>("table");
    if (canvas === null || source === null) throw new Error("a figure needs a canvas and a table");
    this.#element = element;
    this.#canvas = canvas;
    this.#readout = element.querySelector(".chart-readout");
    this.#table = table(source);
    this.#data = read(this.#table);
    this.#written = written(document.documentElement.lang);
    this.#drawing.className = "drawing";
    this.#cursor.className = "chart-cursor";
    this.#chosen.className = "chart-chosen";
    this.#cursor.hidden = this.#chosen.hidden = true;
    canvas.append(this.#drawing, this.#chosen, this.#cursor);
    this.#chart = echarts.init(this.#drawing, null, { renderer: "svg" });
    this.draw();
    this.#sizes = new ResizeObserver(() => {
      this.#chart.resize();
      this.draw();
    });
    this.#sizes.observe(canvas);
    if (this.#data.names.length > 0) this.#listen();
    this.#offerCopies();
  }

  get isThere(): boolean {
    return this.#element.isConnected;
  }

  draw(): void {
    const kind = this.#element.dataset["chart"] ?? "";
    const colours = palette(this.#canvas);
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    if (width === 0 || height === 0) return;
    this.#chart.setOption(
      option({
        kind: (KINDS.has(kind) ? kind : "timeline") as Kind,
        data: this.#data,
        title: this.#title,
        colours,
        written: this.#written,
        width,
        height,
        threshold: Number(this.#element.dataset["k"] ?? 10),
        wide: measured(`12px ${colours.font}`),
      }),
      { notMerge: true },
    );
    this.#show();
  }

  dispose(): void {
    this.#sizes.disconnect();
    this.#chart.dispose();
  }

  get #title(): string {
    return this.#element.querySelector("figcaption .title")?.textContent?.trim() ?? "";
  }

  get #canChoose(): boolean {
    return "brush" in this.#element.dataset && this.#data.times.length > 0;
  }

  #listen(): void {
    this.#canvas.addEventListener("keydown", (event) => this.#key(event));
    this.#canvas.addEventListener("pointermove", (event) => {
      if (this.#anchor < 0 && event.pointerType === "touch") return;
      this.#move(this.#under(event));
    });
    this.#canvas.addEventListener("pointerleave", () => {
      if (this.#anchor < 0 && document.activeElement !== this.#canvas) this.#move(-1);
    });
    this.#canvas.addEventListener("pointerdown", (event) => {
      const place = this.#under(event);
      if (place < 0 || event.button !== 0) return;
      this.#move(place);
      if (!this.#canChoose || event.pointerType === "touch") return;
      event.preventDefault();
      this.#canvas.focus({ preventScroll: true });
      this.#canvas.setPointerCapture(event.pointerId);
      this.#anchor = place;
    });
    this.#canvas.addEventListener("pointerup", () => {
      if (this.#anchor >= 0 && this.#anchor !== this.#place) this.#choose();
      this.#anchor = -1;
      this.#show();
    });
    this.#canvas.addEventListener("pointercancel", () => this.#letGo());
    this.#canvas.addEventListener("blur", () => {
      this.#letGo();
      this.#move(-1);
    });
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const end = this.#data.names.length - 1;
    const [back, forth] = isLying(this.#data) ? ["ArrowUp", "ArrowDown"] : ["ArrowLeft", "ArrowRight"];
    const from = this.#place;
    let to: number;
    if (event.key === back) to = from < 0 ? end : Math.max(from - 1, 0);
    else if (event.key === forth) to = Math.min(from + 1, end);
    else if (event.key === "Home") to = 0;
    else if (event.key === "End") to = end;
    else if (event.key === "Enter" && this.#anchor >= 0) {
      event.preventDefault();
      this.#choose();
      return;
    } else if (event.key === "Escape" && this.#anchor >= 0) {
      event.preventDefault();
      this.#letGo();
      return;
    } else return;
    event.preventDefault();
    if (event.shiftKey && this.#canChoose) {
      if (this.#anchor < 0) this.#anchor = Math.max(from, 0) === 0 && from < 0 ? to : from;
    } else this.#anchor = -1;
    this.#move(to);
  }

  /** The place under the pointer; -1 beside the drawing. */
  #under(event: PointerEvent): number {
    const box = this.#canvas.getBoundingClientRect();
    const point = [event.clientX - box.left, event.clientY - box.top];
    const found = this.#chart.convertFromPixel({ gridIndex: 0 }, point) as number[] | undefined;
    const place = Math.round(found?.[isLying(this.#data) ? 1 : 0] ?? -1);
    return place >= 0 && place < this.#data.names.length ? place : -1;
  }

  #move(place: number): void {
    this.#place = place;
    this.#show();
    if (this.#readout === null || place < 0) return;
    delete this.#readout.dataset["hint"];
    const words = {
      hidden: say("hidden", { k: this.#element.dataset["k"] ?? "10" }),
      gap: say("gap"),
      learning: say("learning"),
      normal: say("normal"),
    };
    this.#readout.textContent =
      this.#anchor >= 0 && this.#anchor !== place
        ? say("period", {
            since: this.#data.names[Math.min(this.#anchor, place)] ?? "",
            until: this.#data.names[Math.max(this.#anchor, place)] ?? "",
          })
        : readout(this.#data, place, words, this.#written);
  }

  #letGo(): void {
    this.#anchor = -1;
    this.#show();
  }

  /** The line at the place, and the period that is being chosen. */
  #show(): void {
    const lying = isLying(this.#data);
    this.#cursor.hidden = this.#place < 0;
    this.#chosen.hidden = this.#anchor < 0 || this.#anchor === this.#place;
    if (this.#place < 0) return;
    const at = (place: number): number =>
      Number(
        lying
          ? this.#chart.convertToPixel({ yAxisIndex: 0 }, place)
          : this.#chart.convertToPixel({ xAxisIndex: 0 }, place),
      );
    this.#cursor.classList.toggle("lying", lying);
    this.#cursor.style.setProperty(lying ? "top" : "left", `${at(this.#place)}px`);
    if (!this.#chosen.hidden) {
      const half = this.#data.names.length > 1 ? (at(1) - at(0)) / 2 : 4;
      const ends = [at(this.#anchor), at(this.#place)].sort((a, b) => a - b);
      this.#chosen.style.setProperty("left", `${ends[0]! - half}px`);
      this.#chosen.style.setProperty("width", `${ends[1]! - ends[0]! + 2 * half}px`);
    }
  }

  /** The chosen period goes into the form of the page's filters, which is sent. */
  #choose(): void {
    const form = document.getElementById(this.#element.dataset["brushForm"] ?? "");
    if (!(form instanceof HTMLFormElement) || this.#place < 0) return;
    const { since, until } = days(this.#data.times, this.#anchor, this.#place);
    for (const [name, value] of Object.entries({ since, until, period: "own" })) {
      const field = form.elements.namedItem(name);
      if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement) {
        field.value = value;
      } else if (field instanceof RadioNodeList) field.value = value;
    }
    form.requestSubmit();
  }

  #offerCopies(): void {
    for (const button of this.#element.querySelectorAll<HTMLElement>("[data-copies]")) {
      button.addEventListener("click", () => void this.#copy(button));
    }
  }

  async #copy(button: HTMLElement): Promise<void> {
    const said = this.#element.querySelector("[data-said]");
    const answer = (text: string): void => {
      if (said) said.textContent = text;
    };
    const address = new URL(button.dataset["address"] ?? location.href, location.href);
    if (!button.dataset["address"]) address.hash = this.#element.id;
    switch (button.dataset["copies"]) {
      case "csv":
        answer(await copy(csv(this.#table, { gap: say("gap"), learning: say("learning") })));
        break;
      case "address":
        answer(await copy(address.href));
        break;
      case "image": {
        const svg = this.#drawing.querySelector("svg");
        if (svg === null) break;
        const image = await picture(svg, {
          title: this.#title,
          foot: address.host + address.pathname,
          colours: palette(this.#canvas),
        });
        download(image, `${this.#title || "peil"}.png`);
        answer(say("saved"));
        break;
      }
    }
  }
}

function written(language: string): Written {
  const counts = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
  const shares = new Intl.NumberFormat(language, { style: "percent", maximumSignificantDigits: 2 });
  return { count: (value) => counts.format(value), share: (value) => shares.format(value) };
}

function measured(font: string): (text: string) => number {
  const context = document.createElement("canvas").getContext("2d");
  if (context === null) return (text) => text.length * 7;
  context.font = font;
  return (text) => context.measureText(text).width;
}
