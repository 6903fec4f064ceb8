/** Light, dark, or as the machine has it. `first.ts` sets it before anything is drawn. */

export const THEME_CHANGED = "peil:theme";
export const THEME_KEY = "peil.theme";
export const THEMES = ["auto", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

export function stored(): Theme {
  const found = localStorage.getItem(THEME_KEY);
  return THEMES.find((each) => each === found) ?? "auto";
}

export function apply(theme: Theme): void {
  if (theme === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
}

/** The button `data-theme-switch`; its `data-names` are what it says in each theme. */
export function offerThemes(): void {
  const button = document.querySelector<HTMLElement>("[data-theme-switch]");
  if (button === null) return;
  const names = (button.dataset["names"] ?? "").split("|");
  const name = (): void => {
    const said = names[THEMES.indexOf(stored())] ?? "";
    button.setAttribute("aria-label", said);
    button.title = said;
  };
  name();
  button.addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(stored()) + 1) % THEMES.length] ?? "auto";
    localStorage.setItem(THEME_KEY, next);
    apply(next);
    name();
    document.dispatchEvent(new CustomEvent(THEME_CHANGED));
  });
}

/** Paper is light. */
export function printLight(): void {
  const change = (theme: Theme): void => {
    apply(theme);
    document.dispatchEvent(new CustomEvent(THEME_CHANGED));
  };
  addEventListener("beforeprint", () => change("light"));
  addEventListener("afterprint", () => change(stored()));
}
