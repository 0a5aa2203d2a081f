import { defineConfig } from "vitest/config";

const alias = { "@": import.meta.dirname };

/**
 * Two projects: `unit` needs nothing, `db` needs the PostgreSQL that PLUMBLINE_TEST_DATABASE_URL names. Files share a
 * worker's modules, which saves a third of the time: what a module keeps, it keeps by database, and each `db` file has its own.
 */
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
          isolate: false,
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
          isolate: false,
          maxWorkers: 2,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
