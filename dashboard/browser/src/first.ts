/** Runs before anything is drawn, so that nothing moves or flashes afterwards. */

import { settle } from "./memory";
import { apply, stored } from "./theme";

document.documentElement.classList.add("script");
apply(stored());

new MutationObserver((changes) => {
  for (const { addedNodes } of changes) {
    for (const node of addedNodes) {
      if (!(node instanceof Element)) continue;
      if (node instanceof HTMLDetailsElement) settle(node);
      for (const each of node.querySelectorAll("details")) settle(each);
    }
  }
}).observe(document, { childList: true, subtree: true });
