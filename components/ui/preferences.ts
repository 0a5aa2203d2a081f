export const THEME_COOKIE = "plumbline-theme";
export const DENSITY_COOKIE = "plumbline-density";
export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];
export const DENSITIES = ["dense", "comfortable"] as const;
export type Density = (typeof DENSITIES)[number];

/** The theme of a cookie's value; anything unexpected follows the system. */
export function parseTheme(value: string | undefined): Theme {
  return THEMES.find((theme) => theme === value) ?? "system";
}

/** The density of a cookie's value; dense unless asked otherwise. */
export function parseDensity(value: string | undefined): Density {
  return DENSITIES.find((density) => density === value) ?? "dense";
}
