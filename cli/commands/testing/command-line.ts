import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, beforeAll, beforeEach, vi } from "vitest";
import { addClientOptions } from "@/cli/client";

export interface CommandLine {
  /** What the server was asked in this test, in order. */
  asked: { method: string; path: string; body: unknown }[];
  /** What it answers, one after the other; the last one stands. */
  answers: unknown[];
  /** What was written to standard output in this test. */
  printed: string;
  /** Runs one command line against the server. @returns the exit code that it set */
  run(...line: readonly string[]): Promise<typeof process.exitCode>;
  /** A file with this text, or this value as JSON; its path. */
  file(content: unknown): string;
}

/** These commands, and a server that takes down what they ask. Call it once, at the top of a file of tests. */
export function commandLine(...register: readonly ((program: Command) => void)[]): CommandLine {
  let url = "";
  let folder = "";
  const cli: CommandLine = {
    asked: [],
    answers: [],
    printed: "",
    run: async (...line) => {
      const program = new Command().exitOverride();
      for (const one of register) one(program);
      for (const command of program.commands) addClientOptions(command);
      await program.parseAsync([...line, "--url", url, "--token", "t"], { from: "user" });
      return process.exitCode;
    },
    file: (content) => {
      const path = join(folder, "input.json");
      writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
      return path;
    },
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString("utf8");
      cli.asked.push({ method: request.method ?? "", path: request.url ?? "", body: text === "" ? null : JSON.parse(text) });
      response.setHeader("content-type", "application/json").end(JSON.stringify(cli.answers.length > 1 ? cli.answers.shift() : cli.answers[0]));
    });
  });
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "plumbline-cli-"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true });
    await new Promise((resolve) => server.close(resolve));
  });
  beforeEach(() => {
    Object.assign(cli, { asked: [], answers: [{}], printed: "" });
    process.exitCode = undefined;
    vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      cli.printed += String(text);
      return true;
    });
    return () => {
      process.exitCode = undefined;
      vi.restoreAllMocks();
    };
  });
  return cli;
}
