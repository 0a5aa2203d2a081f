import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nativeWays, type Manager } from "./native-ways";
import { shellCommand, shellWord } from "./shell-command";

const digest = `sha256:${"ab".repeat(32)}`;
const to = { service: "payments", environment: "production", version: "1.41.2", repository: "registry.example.org/payments", digest };
const image = `${to.repository}@${digest}`;
const commandsOf = (manager: Manager, wanted = to): string[] => nativeWays(manager, wanted).steps.flatMap(({ command }) => command ?? []);

describe("who undoes it", () => {
  it.each<[Manager, string, boolean | null, RegExp]>([
    [{ tool: "argocd", name: "payments", autoSync: true }, "Argo CD: payments", true, /Auto-sync is on/],
    [{ tool: "argocd", name: "payments", autoSync: false }, "Argo CD: payments", false, /Auto-sync is off/],
    [{ tool: "Argo CD", name: "payments" }, "Argo CD: payments", null, /does not say/],
    [{ tool: "flux", name: "apps/payments" }, "Flux: apps/payments", true, /every interval/],
    [{ tool: "flux", name: "apps/payments", autoSync: false }, "Flux: apps/payments", false, /suspended/],
    [{ tool: "github-actions", name: "acme/payments" }, "GitHub Actions: acme/payments", false, /when it is run/],
    [{ tool: "gitlab", name: "acme/payments" }, "GitLab CI: acme/payments", false, /when it is run/],
    [{ tool: "compose", name: "shop" }, "Compose: shop", false, /does not undo anything by itself/],
    [{ tool: "watchtower" }, "Watchtower", true, /whatever the tag points to/],
    [{ tool: "systemd", name: "payments.service" }, "systemd: payments.service", true, /anew at every start/],
    [{ tool: "quadlet", name: "payments.service" }, "Quadlet: payments.service", true, /anew at every start/],
    [{ tool: "nomad", name: "payments" }, "Nomad: payments", true, /replaced again/],
    [{ tool: "helm", name: "shop/payments" }, "Helm: shop/payments", false, /when it is run/],
    [{ tool: "swarm", name: "payments", autoSync: true }, "Docker Swarm: payments", true, /replaced again/],
    [{ tool: "kubernetes", name: "payments-7d9", autoSync: true }, "Kubernetes: payments-7d9", true, /replaced again/],
    [{ tool: "harness", name: "x" }, "harness: x", null, /does not know how harness works/],
    [{ tool: "harness", autoSync: true }, "harness", true, /by itself, so/],
    [{ tool: "harness", autoSync: false }, "harness", false, /does not put its own version back/],
  ])("%j", (manager, title, willRevert, why) => {
    const way = nativeWays(manager, to);
    expect(way).toMatchObject({ tool: manager.tool, title, willRevert, why: expect.stringMatching(why) });
    expect(way.steps.length).toBeGreaterThan(0);
    expect(way.dispatch).toBe(title.startsWith("GitHub Actions") ? "github" : title.startsWith("GitLab CI") ? "gitlab" : null);
  });
});

describe("the steps", () => {
  it("turn Argo CD's auto-sync off before a rollback, and on again", () => {
    expect(commandsOf({ tool: "argocd", name: "payments", autoSync: true })).toEqual([
      `kustomize edit set image ${to.repository}=${image}`,
      `argocd app set payments --kustomize-image ${to.repository}=${image}`,
      `argocd app set payments --helm-set image.repository=${to.repository} --helm-set image.digest=${digest}`,
      "argocd app set payments --sync-policy none",
      "argocd app history payments",
      "argocd app set payments --sync-policy automated",
    ]);
    expect(commandsOf({ tool: "argocd", name: "payments", autoSync: false }).join("\n")).not.toContain("--sync-policy");
  });
  it("suspend Flux's own object in its namespace", () => {
    expect(commandsOf({ tool: "flux", name: "apps/payments" })).toEqual(["flux suspend kustomization payments --namespace apps", `image: ${image}`, "flux resume kustomization payments --namespace apps", "flux reconcile kustomization payments --namespace apps --with-source"]);
    expect(commandsOf({ tool: "flux", name: "payments", detail: "HelmRelease" })[0]).toBe("flux suspend helmrelease payments");
    expect(commandsOf({ tool: "flux", name: "kustomization/apps/payments" })[0]).toBe("flux suspend kustomization payments --namespace apps");
  });
  it("name the Compose files", () => {
    expect(commandsOf({ tool: "compose", name: "shop", detail: "/srv/shop/compose.yaml,/srv/shop/prod, eu.yaml" })).toEqual([
      `image: ${image}`,
      "docker compose --project-name shop --file /srv/shop/compose.yaml --file '/srv/shop/prod, eu.yaml' up --detach payments",
    ]);
    expect(commandsOf({ tool: "compose" })).toEqual([`image: ${image}`, "docker compose up --detach payments"]);
  });
  it("run a workflow when repository and file are known", () => {
    expect(commandsOf({ tool: "github", name: "acme/payments", detail: "deploy.yml" })).toEqual([`gh workflow run deploy.yml --repo acme/payments -f service=payments -f environment=production -f version=1.41.2 -f digest=${digest}`]);
    expect(commandsOf({ tool: "github", name: "acme/payments" })).toEqual([]);
  });
  it("write a unit's image", () => {
    expect(commandsOf({ tool: "quadlet", name: "payments.service", detail: "/etc/containers/systemd/payments.container" })).toEqual([`Image=${image}`, "systemctl daemon-reload", "systemctl restart payments.service"]);
  });
});

/** What a report may call things. */
const HOSTILE = [
  "x; touch pwned",
  "x && touch pwned",
  "$(touch pwned)",
  "`touch pwned`",
  "x' ; touch pwned ; '",
  "'",
  '"$(touch pwned)"',
  "x | touch pwned",
  "x > pwned",
  "${HOME}",
  "~root",
  "=ls",
  "!!",
  "*",
  "#comment",
  "a\\b",
  "a b  c",
  "%s%n",
  "ünïcode",
  "{a,b}",
];
const UNTYPEABLE = ["", "-rf", "--server=evil.example.org", "a\nb", "a\rtouch pwned\r", "a\u0000b", "a\u001b[2Jb", "a\u202eb", "a\u200bb", "\u2066a", "a\u2028b", "x".repeat(501), "\uD800"];

describe("a hostile name", () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), "plumbline-shell-"));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  const TOOLS = ["argocd", "kustomize", "flux", "gh", "docker", "systemctl", "nomad", "helm", "kubectl"];
  /** The words that a real shell makes of a command, whose program is replaced by one that prints them. */
  function wordsOf(command: string): string[] {
    const prints = TOOLS.map((tool) => `${tool}() { printf '%s\\0' "$@"; }`).join("\n");
    const printed = execFileSync("/bin/sh", ["-c", `${prints}\n${command}`], { cwd: dir, env: { ...process.env, PATH: "/usr/bin:/bin", HOME: "/root" } });
    return printed.toString("utf8").split("\0").slice(0, -1);
  }
  const managers = (name: string): Manager[] => ["argocd", "flux", "github", "compose", "systemd", "nomad", "helm", "swarm", "kubernetes"].map((tool) => ({ tool, name, detail: tool === "github" || tool === "compose" ? name : undefined, autoSync: true }));
  const isShell = (command: string): boolean => TOOLS.some((tool) => command.startsWith(`${tool} `));

  it.each(HOSTILE)("%j stays one word of a command", (name) => {
    for (const manager of managers(name)) {
      const commands = commandsOf(manager).filter(isShell);
      const lists = commands.map(wordsOf);
      expect(lists.length).toBeGreaterThan(0);
      // Flux and Helm take a name apart at its slash, and none of these has one.
      expect(lists.flat(), manager.tool).toContain(name);
    }
    for (const manager of managers("payments")) commandsOf(manager, { ...to, service: name, version: name, repository: name }).filter(isShell).forEach(wordsOf);
    expect(readdirSync(dir)).toEqual([]);
  }, 30_000);
  it.each(UNTYPEABLE)("%j is in no command at all", (name) => {
    expect(shellWord(name)).toBeNull();
    expect(shellCommand`argocd app set ${name}`).toBeUndefined();
    for (const manager of managers(name)) {
      const pasted = commandsOf(manager).join("\n");
      if (name !== "" && name !== "-rf") expect(pasted, manager.tool).not.toContain(name);
      expect(pasted, manager.tool).not.toMatch(/ -rf/);
    }
    const asFacts = managers("payments").flatMap((manager) => commandsOf(manager, { ...to, repository: name }));
    if (name.length > 1) expect(asFacts.join("\n")).not.toContain(`${name}@`);
  });
});

it("quotes only what needs it", () => {
  expect(shellWord("registry.example.org:5000/a_b/c@sha256:ab")).toBe("registry.example.org:5000/a_b/c@sha256:ab");
  expect(shellWord("it's")).toBe(`'it'\\''s'`);
  expect(shellWord(undefined)).toBeNull();
});
