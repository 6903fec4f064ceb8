/** What every page runs. */

import htmx from "htmx.org";

import { offerCopies } from "./clipboard";
import { csrf } from "./csrf";
import * as facets from "./facets";
import * as keys from "./keys";
import * as live from "./live";
import { remember } from "./memory";
import { say } from "./strings";
import { offerThemes, printLight } from "./theme";
import { keepTyped } from "./typed";

htmx.on("htmx:config:request", ({ detail }) => {
  if (detail.ctx.request.method.toUpperCase() !== "GET") {
    detail.ctx.request.headers["X-CSRF-Token"] = csrf();
  }
});
htmx.on("htmx:error", ({ detail }) => {
  const place: Element | undefined = detail.ctx?.target;
  if (!place || place.querySelector("[data-not-come]")) return;
  const line = document.createElement("p");
  line.className = "note warn";
  line.role = "alert";
  line.dataset["notCome"] = "";
  line.textContent = say("not-come");
  place.querySelector(".loading")?.remove();
  place.prepend(line);
});
offerCopies();
offerThemes();
printLight();
remember();
keepTyped();
facets.listen();
keys.listen();
live.listen();
