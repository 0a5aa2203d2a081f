import type { Metadata, Viewport } from "next";
import { cookies, headers } from "next/headers";
import type { ReactNode } from "react";
import { ClockProvider } from "@/components/ui/clock";
import { DENSITY_COOKIE, THEME_COOKIE, parseDensity, parseTheme } from "@/components/ui/preferences";
import "./globals.css";

export const metadata: Metadata = {
  title: { default: "Plumbline", template: "%s · Plumbline" },
  description: "What every instance really runs, held against the release that was approved.",
  icons: { icon: "/icon.svg" },
};

export const viewport: Viewport = {
  width: "device-width",
  initialScale: 1,
  themeColor: [
    { media: "(prefers-color-scheme: light)", color: "#f5f3ec" },
    { media: "(prefers-color-scheme: dark)", color: "#0b1218" },
  ],
};

/**
 * Theme and density come from cookies, so that the first paint is already right. Reading the headers also makes every
 * page dynamic: Next puts the nonce of the request's policy on its own scripts only when it renders per request.
 */
export default async function RootLayout({ children }: { children: ReactNode }) {
  const [jar, requestHeaders] = await Promise.all([cookies(), headers()]);
  const nonce = requestHeaders.get("x-nonce") ?? undefined;
  return (
    <html
      lang="en"
      data-theme={parseTheme(jar.get(THEME_COOKIE)?.value)}
      data-density={parseDensity(jar.get(DENSITY_COOKIE)?.value)}
      suppressHydrationWarning
    >
      <head>{nonce ? <meta property="csp-nonce" nonce={nonce} /> : null}</head>
      <body>
        <ClockProvider serverNow={Date.now()}>{children}</ClockProvider>
      </body>
    </html>
  );
}
