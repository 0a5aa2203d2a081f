import { confirmRollback } from "./confirm-rollback";
import { missingForPodman, startPodman, type PodmanEngine } from "./engines/podman";
import { outlastWatch } from "./outlast-watch";
import { expect, test, url } from "./fixtures";

const missing = missingForPodman();
const CMD = 'CMD ["/bin/sh","-c","trap exit TERM; while true; do sleep 0.2; done"]';

test.describe("a real container engine and registry", () => {
  test.skip(missing !== null, `no Podman here: ${missing ?? ""}`);
  test.describe.configure({ mode: "serial", timeout: 240_000 });
  let engine: PodmanEngine;

  test.beforeAll(async () => {
    engine = await startPodman();
    for (const version of ["1.1.0", "1.2.0", "9.9.9"]) engine.build({ name: "shop", tag: version, version, changes: [CMD] });
  });
  test.afterAll(async () => {
    await engine?.stop();
  });

  test("drift of every kind is on /drift, and one click puts the container back as it was", async ({ page, plumbline, plumblineJson, startHost, asPerson }) => {
    const [older, newer, foreign] = ["1.1.0", "1.2.0", "9.9.9"].map((version) => engine.publish({ name: "shop", tag: version, repository: version === "9.9.9" ? "elsewhere/tool" : "team/shop" }));
    if (!older || !newer || !foreign) throw new Error("Nothing was published.");
    await plumblineJson("release", "register", "shop", "1.1.0", older.reference);
    await plumblineJson("release", "register", "shop", "1.2.0", newer.reference);
    await asPerson(page).post("approvals", { service: "shop", version: "1.1.0", environment: "production" });

    const asBefore = ["--label", "plumbline.service=shop", "--env", "MODE=blue", "--volume", "shop-data:/data", "--publish", "127.0.0.1::8080", "--restart", "unless-stopped", "--network", "podman"];
    engine.podman("run", "--detach", "--name", "shop", ...asBefore, older.reference);
    const host = await startHost({ environment: "production", name: "host-7", args: ["--act", "shop*", "--socket", engine.socket] });
    await expect.poll(async () => (await plumbline("status", "shop", "production")).stdout, { timeout: 30_000 }).toContain("shop");
    await plumblineJson("promote", "shop", "production", "1.1.0", "--wait");
    await expect.poll(async () => (await plumbline("status", "shop", "production")).code).toBe(0);

    await page.goto(`${url()}/drift?service=shop`);
    const instead = (reference: string, ...more: string[]) => {
      engine.podman("rm", "--force", "--time", "0", "shop");
      engine.podman("run", "--detach", "--name", "shop", ...asBefore, ...more, reference);
    };
    await outlastWatch({ page, asPerson, host, service: "shop", change: () => instead(newer.reference) });
    await expect(page.getByText(/not approved for production/i).first()).toBeVisible();
    instead(foreign.reference);
    await expect(page.getByText(/unknown bytes run as shop/i).first()).toBeVisible();
    engine.build({ name: "shop-local", tag: "dev", version: "local", changes: [CMD] });
    instead("localhost/shop-local:dev");
    await expect(page.getByText(/shop cannot be verified/i).first()).toBeVisible();
    instead(older.reference);
    engine.podman("run", "--detach", "--name", "shop-copy", "--label", "plumbline.service=shop", older.reference);
    await expect(page.getByText(/shop should not run here/i).first()).toBeVisible();
    engine.podman("rm", "--force", "--time", "0", "shop-copy");
    engine.podman("exec", "shop", "sh", "-c", "echo patched > /www/version");
    await expect(page.getByText(/shop was changed in place/i).first()).toBeVisible({ timeout: 75_000 });

    // The tag now names other bytes; what runs stays what its digest says.
    engine.publish({ name: "shop", tag: "1.2.0", repository: "team/shop", as: "1.1.0" });
    instead(newer.reference);
    await expect(page.getByText(/not approved for production/i).first()).toBeVisible();

    const before = JSON.parse(engine.podman("inspect", "shop"))[0];
    await page.goto(`${url()}/services/shop`);
    await page.getByRole("button", { name: /roll back/i }).first().click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel(/reason/i).fill("Errors since 1.2.0, INC-2207");
    await confirmRollback(dialog, page, "shop");
    await expect(dialog.getByRole("listitem").filter({ hasText: "Done, done" })).toBeVisible({ timeout: 90_000 });

    const after = JSON.parse(engine.podman("inspect", "shop"))[0];
    expect(after.Id).not.toBe(before.Id);
    expect(engine.podman("exec", "shop", "cat", "/www/version")).toBe("1.1.0");
    expect(after.Config.Env).toEqual(expect.arrayContaining(["MODE=blue"]));
    expect(after.Mounts.map((mount: { Name: string; Destination: string }) => [mount.Name, mount.Destination])).toEqual([["shop-data", "/data"]]);
    expect(after.HostConfig.RestartPolicy).toEqual(before.HostConfig.RestartPolicy);
    expect(after.HostConfig.PortBindings).toEqual(before.HostConfig.PortBindings);
    expect(Object.keys(after.NetworkSettings.Networks)).toEqual(Object.keys(before.NetworkSettings.Networks));
    await expect.poll(async () => (await plumbline("status", "shop", "production")).code).toBe(0);
  });
});
