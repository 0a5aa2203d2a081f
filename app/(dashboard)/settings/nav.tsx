"use client";

import Link from "next/link";
import { usePathname } from "next/navigation";

const PAGES = [
  { href: "/settings", name: "General" },
  { href: "/settings/mapping", name: "Mapping" },
  { href: "/settings/strategies", name: "Strategies" },
  { href: "/settings/freezes", name: "Freezes" },
  { href: "/settings/notifications", name: "Notifications" },
  { href: "/settings/executors", name: "Executors" },
  { href: "/settings/deployers", name: "Deployers" },
] as const;

/** The links between the pages of the settings; the one we are in is marked. Stands right under each page's heading. */
export function SettingsNav() {
  const path = usePathname();
  return (
    <nav className="settings-nav" aria-label="Settings">
      {PAGES.map(({ href, name }) => (
        <Link key={href} href={href} aria-current={path === href ? "page" : undefined}>
          {name}
        </Link>
      ))}
    </nav>
  );
}
