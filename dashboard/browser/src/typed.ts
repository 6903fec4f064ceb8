/**
 * Words that were sent and did not come: where a session is over, the way in leads back to the
 * page, and what somebody typed there is still in its box. Kept in this tab until the next page
 * with a box, whichever it is; a page that answers has words of its own.
 */

const KEY = "peil.typed";
const BOX = 'form[action="/queries"] [name="words"]';

interface Typed {
  readonly address: string;
  readonly id: string;
  readonly words: string;
}

function here(): string {
  return location.pathname + location.search;
}

/** Put back what was typed on this page; before a query box is made of its text box. */
function putBack(): void {
  const kept = sessionStorage.getItem(KEY);
  if (kept === null || document.querySelector(BOX) === null) return;
  sessionStorage.removeItem(KEY);
  const { address, id, words } = JSON.parse(kept) as Typed;
  const box = document.getElementById(id);
  if (address !== here()) return;
  if (box instanceof HTMLInputElement || box instanceof HTMLTextAreaElement) box.value = words;
}

export function keepTyped(): void {
  putBack();
  document.addEventListener("submit", (event) => {
    if (!(event.target instanceof HTMLFormElement)) return;
    const box = event.target.elements.namedItem("words");
    if (!(box instanceof HTMLInputElement || box instanceof HTMLTextAreaElement) || !box.matches(BOX)) return;
    const typed: Typed = { address: here(), id: box.id, words: box.value };
    sessionStorage.setItem(KEY, JSON.stringify(typed));
  });
}
