/** The colours and the letter of the theme, as a drawing needs them. */

export interface Palette {
  readonly ground: string;
  readonly ink: string;
  readonly muted: string;
  readonly accent: string;
  readonly band: string;
  readonly grid: string;
  readonly edge: string;
  readonly sunken: string;
  readonly series: readonly string[];
  readonly tones: Readonly<Record<string, string>>;
  readonly font: string;
}

export function palette(element: Element): Palette {
  const style = getComputedStyle(element);
  const token = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    ground: token("ground"),
    ink: token("ink"),
    muted: token("muted"),
    accent: token("accent"),
    band: token("band"),
    grid: token("grid-line"),
    edge: token("edge"),
    sunken: token("sunken"),
    series: [1, 2, 3, 4, 5].map((each) => token(`series-${each}`)),
    tones: {
      ...Object.fromEntries(
        ["negative", "neutral", "positive", "mixed", "abstained"].map((name) => [
          name,
          token(`tone-${name}`),
        ]),
      ),
      hidden: token("sunken"),
    },
    font: style.fontFamily,
  };
}
