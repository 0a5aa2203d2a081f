import { describe, expect, it } from "vitest";
import { parsePostmasterPid, servesFolder } from "./embedded-postgres.mjs";

describe("parsePostmasterPid", () => {
  it("reads process and folder", () => {
    expect(parsePostmasterPid("4093\n/data/pg\n1795250531\n40409\n\n127.0.0.1\n")).toEqual({ pid: 4093, pgData: "/data/pg" });
  });

  it.each(["", "\n", "x\n/data/pg\n", "4093"])("makes nothing of %j", (text) => {
    expect(parsePostmasterPid(text)).toBeUndefined();
  });
});

describe("servesFolder", () => {
  const command = "/opt/native/bin/postgres -D /data/pg -p 40409 -c fsync=on";

  it("knows the server of exactly these files", () => {
    expect(servesFolder(command, "/data/pg")).toBe(true);
    expect(servesFolder("/opt/native/bin/postgres -D /data/pg", "/data/pg")).toBe(true);
  });

  it.each([
    ["another folder", command, "/data/pg2"],
    ["a folder above", command, "/data"],
    ["another program", "/usr/bin/vi -D /data/pg -p 1", "/data/pg"],
    ["a process without a command line", "", "/data/pg"],
  ])("leaves %s alone", (_, other, folder) => {
    expect(servesFolder(other, folder)).toBe(false);
  });
});
