/** The keys of experts: none of them while somebody types, nothing that only a key can do. */

/** Whether the key goes into a box that takes text. */
function isTyping(event: KeyboardEvent): boolean {
  const target = event.composedPath()[0];
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target.matches("input:not([type=checkbox], [type=radio]), textarea, select"))
  );
}

/** The next place in a list of `length` from `current` (-1: none yet); it stops at the ends. */
export function next(current: number, length: number, direction: 1 | -1): number {
  if (length === 0) return -1;
  if (current < 0) return direction === 1 ? 0 : length - 1;
  return Math.min(Math.max(current + direction, 0), length - 1);
}

function step(direction: 1 | -1): void {
  const items = [...document.querySelectorAll<HTMLElement>("[data-step]")].filter(
    (item) => item.getClientRects().length > 0,
  );
  const current = items.findIndex((item) => item.contains(document.activeElement));
  const item = items[next(current, items.length, direction)];
  if (item === undefined) return;
  if (!item.matches("a[href], button, [tabindex]")) item.tabIndex = -1;
  item.focus();
  item.scrollIntoView({ block: "nearest" });
}

function open(id: string): void {
  const dialog = document.getElementById(id);
  if (dialog instanceof HTMLDialogElement && !dialog.open) dialog.showModal();
}

export function listen(): void {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (isTyping(event)) {
      if (event.key === "Escape" && document.activeElement instanceof HTMLElement) {
        document.activeElement.blur();
      }
      return;
    }
    if (document.querySelector("dialog[open]") !== null) return;
    switch (event.key) {
      case "/": {
        const search = document.querySelector<HTMLElement>("[data-search]:not([hidden])");
        if (search === null) return;
        search.focus();
        break;
      }
      case "j":
        step(1);
        break;
      case "k":
        step(-1);
        break;
      case "?":
        open("keys");
        break;
      case "Enter": {
        const item = document.activeElement;
        if (!(item instanceof HTMLElement) || !item.matches("[data-step]:not(a, button)")) return;
        const link = item.querySelector<HTMLElement>("a[href]");
        if (link === null) return;
        link.click();
        break;
      }
      default:
        return;
    }
    event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("[data-opens]");
    if (button !== null) open(button.dataset["opens"] ?? "");
  });
}
