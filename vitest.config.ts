import { defineConfig } from "vitest/config";

const alias = { "@": import.meta.dirname };

/** Two projects: `unit` needs nothing, `db` needs the PostgreSQL that PLUMBLINE_TEST_DATABASE_URL names. */
export default defineConfig({
  resolve: { alias },
  test: {
    projects: [
      {
        resolve: { alias },
        test: {
          name: "unit",
          include: ["{app,lib,server,cli,components,scripts,bench}/**/*.test.{ts,tsx}"],
          exclude: ["**/*.db.test.ts", "**/node_modules/**"],
          // A slow machine is no failure.
          testTimeout: 60_000,
        },
      },
      {
        resolve: { alias },
        test: {
          name: "db",
          include: ["{app,lib,server,cli,prisma}/**/*.db.test.ts"],
          globalSetup: ["./server/testing/global-setup.ts"],
          maxWorkers: 2,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
