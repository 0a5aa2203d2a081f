import { missingForPodman, startPodman, type PodmanEngine } from "./engines/podman";
import { expect, expectAccessible, test, url } from "./fixtures";

type Findings = { groups: { service: string; kind: string; instances: number }[] };
type Releases = { items: { version: string; adopted: boolean; approvals: { environment: string; standing: number; required: number; approved: boolean; adopted: boolean }[] }[] };

const missing = missingForPodman();
const CMD = 'CMD ["/bin/sh","-c","trap exit TERM; while true; do sleep 1; done"]';
const ENVIRONMENT = "running";
/** More of them by hand: PLUMBLINE_TEST_CONTAINERS=200. */
const CONTAINERS = Number(process.env.PLUMBLINE_TEST_CONTAINERS ?? 20);
const SERVICES = Array.from({ length: CONTAINERS }, (_, at) => `found-${at + 1}`);
/** These, and one without a label. */
const ADOPTED = CONTAINERS + 1;

test.describe("a host that ran before anybody asked", () => {
  test.skip(missing !== null, `no Podman here: ${missing ?? ""}`);
  test.describe.configure({ mode: "serial", timeout: 240_000 + CONTAINERS * 3_000 });
  let engine: PodmanEngine;

  test.beforeAll(async () => {
    engine = await startPodman();
    for (const version of ["1.0.0", "2.0.0", "9.9.9"]) engine.build({ name: "found", tag: version, version, changes: [CMD] });
  });
  test.afterAll(async () => {
    await engine?.stop();
  });

  test("is adopted in one step and is quiet; then one foreign container is found and nothing else", async ({ page, plumbline, plumblineJson, startHost, asPerson }) => {
    const [first, second, foreign] = ["1.0.0", "2.0.0", "9.9.9"].map((version) => engine.publish({ name: "found", tag: version, repository: version === "9.9.9" ? "elsewhere/tool" : "team/found" }));
    if (!first || !second || !foreign) throw new Error("Nothing was published.");
    for (const [at, service] of SERVICES.entries()) engine.podman("run", "--detach", "--network", "none", "--name", service, "--label", `plumbline.service=${service}`, (at % 2 === 0 ? first : second).reference);
    // Nobody labelled this one: its repository names it. And one was built here, which nobody could check.
    engine.podman("run", "--detach", "--network", "none", "--name", "unlabelled", first.reference);
    engine.build({ name: "homemade", tag: "dev", version: "homemade", changes: [CMD] });
    engine.podman("run", "--detach", "--network", "none", "--name", "homemade", "--label", "plumbline.service=homemade", "localhost/homemade:dev");
    const ids = engine.podman("ps", "--quiet", "--no-trunc").split("\n").sort();

    await plumblineJson("environment", "set", ENVIRONMENT, "--protected", "yes", "--approvals", "2");
    await startHost({ environment: ENVIRONMENT, name: "old-host", args: ["--act", "found*", "--socket", engine.socket] });
    await page.goto(`${url()}/drift?environment=${ENVIRONMENT}`);
    await page.getByRole("button", { name: `Adopt ${ADOPTED + 1} services…` }).click();
    const dialog = page.getByRole("dialog");
    await expect(dialog.getByText(`${ADOPTED} services get ${ADOPTED} releases at ${ADOPTED} places: ${ADOPTED} instances. 1 instance is left out.`)).toBeVisible();
    await expect(dialog.getByRole("table", { name: "Left out" }).getByRole("row").nth(1)).toContainText("It was built on its host");
    for (const [width, colorScheme] of [[1440, "light"], [390, "dark"]] as const) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBeLessThanOrEqual(0);
      expect(await dialog.evaluate((element) => element.scrollWidth - element.clientWidth)).toBeLessThanOrEqual(0);
      await expectAccessible(page);
    }
    await dialog.getByRole("button", { name: `Adopt ${ADOPTED} services` }).click();
    await expect(dialog.getByText(/^Adopted\./)).toBeVisible();
    await dialog.getByRole("button", { name: "Done" }).click();

    const findings = async () => (await asPerson(page).get<Findings>(`findings?environment=${ENVIRONMENT}`)).groups.map(({ service, kind, instances }) => `${service} ${kind} ${instances}`);
    // An agent that a busy machine keeps waiting is silent for a moment.
    await expect.poll(findings).toEqual([]);
    for (const service of [SERVICES[0] ?? "", SERVICES[1] ?? "", "found"]) await expect.poll(async () => (await plumbline("status", service, ENVIRONMENT)).code).toBe(0);
    // Nothing was touched: the same containers run, and nobody was told to do anything.
    expect(engine.podman("ps", "--quiet", "--no-trunc").split("\n").sort()).toEqual(ids);
    await page.goto(`${url()}/welcome`);
    await expect(page.getByRole("listitem").filter({ hasText: "old-host reported" })).toBeVisible();
    expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBeLessThanOrEqual(0);
    await expectAccessible(page);
    await page.goto(`${url()}/releases?service=${SERVICES[0]}`);
    await expect(page.getByText("adopted, no evidence").first()).toBeVisible();
    const { items } = await asPerson(page).get<Releases>(`releases?service=${SERVICES[0]}`);
    expect(items).toMatchObject([{ version: "1.0.0", adopted: true }]);
    expect(items[0]?.approvals.find(({ environment }) => environment === ENVIRONMENT)).toMatchObject({ standing: 0, required: 2, approved: true, adopted: true });

    await page.goto(`${url()}/drift?environment=${ENVIRONMENT}`);
    engine.podman("run", "--detach", "--network", "none", "--name", "stranger", "--label", `plumbline.service=${SERVICES[2]}`, foreign.reference);
    await expect(page.getByText(new RegExp(`unknown bytes run as ${SERVICES[2]}`, "i")).first()).toBeVisible({ timeout: 5_000 });
    expect(await findings()).toEqual(expect.arrayContaining([`${SERVICES[2]} unknown-artifact 1`]));
    await expect.poll(async () => (await findings()).filter((one) => !one.startsWith(`${SERVICES[2]} `))).toEqual([]);
  });
});
