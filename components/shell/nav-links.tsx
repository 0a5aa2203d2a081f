"use client";

import Link from "next/link";
import { usePathname } from "next/navigation";
import { formatCount } from "@/components/ui/format";
import { StatusShape } from "@/components/ui/status-shape";

export interface NavCounts {
  /** Open causes of drift. */
  drift?: number;
  /** Rollouts under way. */
  rollouts?: number;
}

const ITEMS = [
  { href: "/fleet", name: "Fleet" },
  { href: "/drift", name: "Drift", count: "drift", shape: "drift", means: "open causes" },
  { href: "/rollouts", name: "Rollouts", count: "rollouts", shape: "rolling", means: "under way" },
  { href: "/services", name: "Services" },
  { href: "/releases", name: "Releases" },
  { href: "/settings", name: "Settings" },
] as const;

/** The links to the app's pages; the one we are in is marked. */
export function NavLinks({ counts }: { counts: NavCounts }) {
  const path = usePathname();
  return ITEMS.map((item) => {
    const count = "count" in item ? counts[item.count] : 0;
    const here = path === item.href || path.startsWith(`${item.href}/`);
    return (
      <Link key={item.href} href={item.href} aria-current={here ? "page" : undefined}>
        {item.name}
        {"shape" in item && count ? (
          <span className="nav-count">
            <StatusShape kind={item.shape} size={10} />
            {formatCount(count)}
            <span className="visually-hidden"> {item.means}</span>
          </span>
        ) : null}
      </Link>
    );
  });
}
