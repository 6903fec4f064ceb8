/**
 * Tells of newer data as it comes (server-sent events). What is marked `data-live` changes in
 * place; the rest when the reader asks. Nothing moves by itself.
 */

import htmx from "htmx.org";

import { say } from "./strings";

/** After so long without the stream a page says that it no longer hears. */
const STALE_MS = 60_000;
/** Everybody hears at once: they ask at moments of their own within this time. */
const APART_MS = 4_000;

function show(text: string, { isStale }: { isStale: boolean }): void {
  const line = document.querySelector<HTMLElement>("[data-live-line]");
  const words = line?.querySelector("[data-live-text]");
  const button = line?.querySelector<HTMLElement>("[data-live-show]");
  if (!line || !words) return;
  line.hidden = text === "";
  line.classList.toggle("warn", isStale);
  words.textContent = text;
  if (button) button.hidden = isStale;
}

function setStale(isStale: boolean): void {
  for (const each of document.querySelectorAll<HTMLElement>("[data-stale]")) each.hidden = !isStale;
}

/** What is marked `data-live`, as the server has it now. */
async function refresh(): Promise<void> {
  const marked = [...document.querySelectorAll<HTMLElement>("[data-live]")];
  if (marked.length === 0) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html", "X-Peil-Refresh": "1" } });
  if (!answer.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const newer = [...page.querySelectorAll<HTMLElement>("[data-live]")];
  // Another number of them is another page: that is for the reader to ask for.
  if (newer.length !== marked.length) return;
  for (const [place, element] of marked.entries()) {
    const other = newer[place];
    if (other === undefined || other.id !== element.id) continue;
    if (element.contains(document.activeElement) || other.innerHTML === element.innerHTML) continue;
    element.replaceChildren(...[...other.childNodes].map((node) => document.importNode(node, true)));
    htmx.process(element);
  }
}

export function listen(): void {
  const address = document.body.dataset["liveAddress"];
  if (!address) return;
  let waiting: ReturnType<typeof setTimeout> | undefined;
  let isStale = false;
  const stream = new EventSource(address);
  const lost = (): void => {
    waiting ??= setTimeout(() => {
      isStale = true;
      setStale(true);
      show(say("stale"), { isStale: true });
    }, STALE_MS);
  };
  const heard = (): void => {
    clearTimeout(waiting);
    waiting = undefined;
    if (!isStale) return;
    isStale = false;
    setStale(false);
    show(say("newer"), { isStale: false });
  };
  stream.addEventListener("open", heard);
  stream.addEventListener("error", lost);
  stream.addEventListener("newer", () => {
    heard();
    show(say("newer"), { isStale: false });
    setTimeout(() => {
      // The line stands there, and the reader can still ask for the whole page.
      refresh().catch((error: unknown) => console.warn("peil: newer data did not come", error));
    }, Math.random() * APART_MS);
  });
  addEventListener("offline", lost);
  document.querySelector("[data-live-show]")?.addEventListener("click", () => location.reload());
}
