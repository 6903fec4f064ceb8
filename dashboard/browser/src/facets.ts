/**
 * A form `data-instant` filters while one ticks: what is marked `data-found` (each with an id)
 * becomes what the server says to the form as it stands, and the address follows. Nothing else
 * moves, and what has the focus keeps it. Without scripts the form has a button.
 */

import htmx from "htmx.org";

/** Said of the document when parts of it were found anew. */
export const FOUND = "peil:found";

function addressOf(form: HTMLFormElement): URL {
  const address = new URL(form.action);
  for (const [name, value] of new FormData(form)) address.searchParams.append(name, String(value));
  return address;
}

/** The counts beside the boxes that are there; a value that can no longer be shown has none. */
function recount(old: Element, found: Element): void {
  const counts = new Map<string, string>();
  for (const box of found.querySelectorAll("input")) {
    counts.set(box.value, box.closest("li")?.querySelector(".count")?.textContent ?? "");
  }
  for (const box of old.querySelectorAll("input")) {
    const count = box.closest("li")?.querySelector(".count");
    if (count) count.textContent = counts.get(box.value) ?? "–";
  }
}

/** Take over what `page` found. */
export function take(page: Document): void {
  for (const old of document.querySelectorAll("[data-found]")) {
    const found = page.getElementById(old.id);
    if (found === null) continue;
    if (old instanceof HTMLInputElement) {
      old.value = found.getAttribute("value") ?? "";
    } else if (old instanceof HTMLAnchorElement) {
      old.setAttribute("href", found.getAttribute("href") ?? "");
    } else if (old.contains(document.activeElement)) {
      recount(old, found);
    } else {
      old.replaceChildren(...[...found.childNodes].map((node) => document.importNode(node, true)));
      htmx.process(old);
    }
  }
  document.dispatchEvent(new Event(FOUND));
}

async function ask(address: URL, signal: AbortSignal): Promise<void> {
  const answer = await fetch(address, { headers: { Accept: "text/html" }, signal });
  if (!answer.ok || answer.redirected) throw new Error(`${answer.status} of ${address.pathname}`);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (signal.aborted) return;
  history.pushState(null, "", address);
  take(page);
}

export function listen(): void {
  let asking = new AbortController();
  let shown = location.search;
  document.addEventListener("change", (event) => {
    const form = event.target instanceof HTMLInputElement ? event.target.form : null;
    if (form === null || !("instant" in form.dataset)) return;
    asking.abort();
    asking = new AbortController();
    const { signal } = asking;
    const address = addressOf(form);
    ask(address, signal).then(
      () => (shown = location.search),
      () => {
        if (!signal.aborted) location.assign(address); // the page itself says what is wrong
      },
    );
  });
  // Back and forward between what was ticked; a place within the page is not that.
  addEventListener("popstate", () => {
    if (location.search !== shown) location.reload();
  });
}
