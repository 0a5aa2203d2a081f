import type { NextConfig } from "next";

const config: NextConfig = {
  // Type errors are found by `npm test`; the build on a user's machine need not repeat it.
  typescript: { ignoreBuildErrors: true },
  images: { unoptimized: true },
  poweredByHeader: false,
  serverExternalPackages: ["pg", "@prisma/client", "@prisma/adapter-pg", "better-auth", "pino"],
  experimental: { serverSourceMaps: false },
};

export default config;
