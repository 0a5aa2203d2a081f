import { cookies } from "next/headers";
import type { ReactNode } from "react";
import { Shell } from "@/components/shell/shell";
import { THEME_COOKIE, parseTheme } from "@/components/ui/preferences";
import "./pages.css";

/** The frame of the pages before somebody is known: no navigation, one column. */
export async function EntryPage({ title, intro, children }: { title: string; intro: ReactNode; children: ReactNode }) {
  const jar = await cookies();
  return (
    <Shell user={null} theme={parseTheme(jar.get(THEME_COOKIE)?.value)}>
      <div className="entry">
        <h1 className="verdict">{title}</h1>
        <p className="verdict-sub">{intro}</p>
        {children}
      </div>
    </Shell>
  );
}
