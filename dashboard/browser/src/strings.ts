/** What scripts say, in the page's language: it stands in the page's template `strings`. */

export type Values = Readonly<Record<string, string | number>>;

/** `text` with each `{name}` replaced by its value. */
export function filled(text: string, values: Values): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** The sentence of that name; the name itself where the page has none. */
export function say(name: string, values: Values = {}): string {
  const template = document.querySelector<HTMLTemplateElement>("template#strings");
  const found = template?.content.querySelector(`data[value="${CSS.escape(name)}"]`);
  return filled(found?.textContent ?? name, values);
}
