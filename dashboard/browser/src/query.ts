/** Makes query boxes of text boxes, also of those that come later. Loaded where one is. */

import { Box } from "./query/box";

const boxes = new WeakSet<HTMLTextAreaElement>();

function make(): void {
  for (const text of document.querySelectorAll<HTMLTextAreaElement>("textarea[data-query]")) {
    if (boxes.has(text)) continue;
    boxes.add(text);
    new Box(text);
  }
}

make();
document.addEventListener("htmx:after:swap", make);
