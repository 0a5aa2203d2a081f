import { cookies } from "next/headers";
import type { ReactNode } from "react";
import { Prefetched } from "@/app/prefetched";
import { Providers } from "@/app/providers";
import { THEME_COOKIE, parseTheme } from "@/components/ui/preferences";
import { keys } from "@/lib/queries/keys";
import { getSession } from "@/server/access/get-session";
import { getPageContext } from "@/server/auth/page-context";
import { getMatrix } from "@/server/drift/get-matrix";
import { Frame } from "./frame";
import "../pages.css";

/** Everything behind sign-in. Who asks is checked here and again by every page and verb. */
export default async function DashboardLayout({ children }: { children: ReactNode }) {
  const [ctx, jar] = await Promise.all([getPageContext(), cookies()]);
  return (
    <Providers>
      <Prefetched load={[
          { queryKey: keys.session, queryFn: () => getSession({ ctx }) },
          { queryKey: keys.matrix, queryFn: () => getMatrix({ ctx }) },
        ]}>
        <Frame theme={parseTheme(jar.get(THEME_COOKIE)?.value)}>{children}</Frame>
      </Prefetched>
    </Providers>
  );
}
