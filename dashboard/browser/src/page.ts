/** What every page runs. */

import htmx from "htmx.org";

import { offerCopies } from "./clipboard";
import { csrf } from "./csrf";
import * as facets from "./facets";
import * as keys from "./keys";
import * as live from "./live";
import { remember } from "./memory";
import { offerThemes, printLight } from "./theme";

htmx.on("htmx:config:request", ({ detail }) => {
  if (detail.ctx.request.method.toUpperCase() !== "GET") {
    detail.ctx.request.headers["X-CSRF-Token"] = csrf();
  }
});
offerCopies();
offerThemes();
printLight();
remember();
facets.listen();
keys.listen();
live.listen();
