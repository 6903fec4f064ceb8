/** Draws every figure of a page, also those that come later. Loaded where figures are. */

import { BarChart, LineChart, ScatterChart } from "echarts/charts";
import {
  AriaComponent,
  GraphicComponent,
  GridComponent,
  MarkLineComponent,
} from "echarts/components";
import { use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

import { Figure } from "./chart/figure";
import { FOUND } from "./facets";
import { THEME_CHANGED } from "./theme";

use([
  AriaComponent,
  BarChart,
  GraphicComponent,
  GridComponent,
  LineChart,
  MarkLineComponent,
  ScatterChart,
  SVGRenderer,
]);

const figures = new Map<Element, Figure>();

function drawAll(): void {
  for (const [element, figure] of figures) {
    if (!figure.isThere) {
      figure.dispose();
      figures.delete(element);
    }
  }
  for (const element of document.querySelectorAll<HTMLElement>("figure.chart[data-chart]")) {
    if (!figures.has(element)) figures.set(element, new Figure(element));
  }
}

function redraw(): void {
  for (const figure of figures.values()) figure.draw();
}

drawAll();
for (const event of ["htmx:after:swap", FOUND]) document.addEventListener(event, drawAll);
document.addEventListener(THEME_CHANGED, redraw);
for (const query of ["(prefers-color-scheme: dark)", "(prefers-contrast: more)"]) {
  matchMedia(query).addEventListener("change", redraw);
}
// A letter that comes late has other widths.
void document.fonts.ready.then(redraw);
