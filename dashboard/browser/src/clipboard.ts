/** What leaves the page: into the clipboard, or as a file. */

import { say } from "./strings";

/** Copies `text`; gives back what to say of it. */
export async function copy(text: string): Promise<string> {
  try {
    await navigator.clipboard.writeText(text);
    return say("copied");
  } catch (error) {
    // Without leave of the browser, and on pages that did not come by TLS.
    console.warn("peil: the clipboard refused", error);
    return say("not-copied");
  }
}

export function download(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name.replace(/[\\/:*?"<>|]+/g, " ");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Buttons with `data-copy="text"`; what is said of it goes to the element named by `data-said`. */
export function offerCopies(): void {
  document.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("[data-copy]");
    if (button === null) return;
    void copy(button.dataset["copy"] ?? "").then((said) => {
      const place = button.dataset["saidIn"];
      const line = place ? document.getElementById(place) : null;
      if (line) line.textContent = said;
      else button.setAttribute("aria-label", said);
    });
  });
}
