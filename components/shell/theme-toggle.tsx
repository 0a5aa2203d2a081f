"use client";

import { useState } from "react";
import { THEMES, THEME_COOKIE } from "@/components/ui/preferences";
import type { Theme } from "@/components/ui/preferences";

const YEAR_SECONDS = 31_536_000;

/** Light, dark, or as the system says. Kept in a cookie, so that the server paints the right one first. */
export function ThemeToggle({ initial }: { initial: Theme }) {
  const [theme, setTheme] = useState(initial);
  function choose(next: Theme) {
    setTheme(next);
    document.documentElement.dataset.theme = next;
    document.cookie = `${THEME_COOKIE}=${next}; path=/; max-age=${YEAR_SECONDS}; samesite=lax`;
  }
  return (
    <fieldset className="theme-choice">
      <legend className="visually-hidden">Theme</legend>
      {THEMES.map((name) => (
        <button key={name} type="button" className="chip" aria-pressed={theme === name} onClick={() => choose(name)}>
          {name[0]?.toUpperCase()}
          {name.slice(1)}
        </button>
      ))}
    </fieldset>
  );
}
