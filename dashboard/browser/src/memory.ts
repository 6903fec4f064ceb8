/**
 * Which details a reader keeps open: `details[data-remember="name"]`. Those with `data-fold` are
 * closed on a narrow screen, where they would stand before what they are beside.
 */

const NARROW = "(max-width: 60rem)";

function key(element: HTMLDetailsElement): string | null {
  const name = element.dataset["remember"];
  return name ? `peil.open.${name}` : null;
}

/** As the reader left it; tables of figures are closed, because the drawing stands above them. */
export function settle(element: HTMLDetailsElement): void {
  const name = key(element);
  const kept = name === null ? null : localStorage.getItem(name);
  if (kept !== null) element.open = kept === "yes";
  else if ("table" in element.dataset) element.open = false;
  else if ("fold" in element.dataset && matchMedia(NARROW).matches) element.open = false;
}

export function remember(): void {
  document.addEventListener(
    "toggle",
    (event) => {
      if (!(event.target instanceof HTMLDetailsElement)) return;
      const name = key(event.target);
      if (name !== null) localStorage.setItem(name, event.target.open ? "yes" : "no");
    },
    { capture: true },
  );
}
