import { shellCommand as sh, shellWord } from "./shell-command";

/** Who keeps a target as it is, as a report says. `detail` is the Compose file, the unit or the kind of the object. */
export interface Manager {
  tool: string;
  name?: string | undefined;
  detail?: string | undefined;
  /** Whether it puts its own version back by itself; absent when the report does not say. */
  autoSync?: boolean | undefined;
}

/** What should run. */
export interface Wanted {
  service: string;
  environment: string;
  version: string;
  repository: string;
  digest: string;
}

export interface NativeStep {
  text: string;
  /** To copy: a command, or the line that belongs in a file. Absent where a name in it could not be pasted safely. */
  command?: string;
}

export interface NativeWay {
  tool: string;
  /** Tool and name, for a heading. */
  title: string;
  /** Whether it undoes what an agent does here; null when nobody can tell. */
  willRevert: boolean | null;
  /** Why it does or does not, in a sentence or two. */
  why: string;
  steps: NativeStep[];
  /** The kind of executor that does it with one click; null where there is none for this tool. */
  dispatch: "github" | "gitlab" | null;
}

type Way = Omit<NativeWay, "tool" | "title"> & { label: string };

/**
 * The manager's own way to what should run, since whatever else is done here it may undo. Every name is quoted for a
 * shell: they come from reports.
 */
export function nativeWays(manager: Manager, to: Wanted): NativeWay {
  const { label, ...way } = describe(manager, to);
  return { tool: manager.tool, title: manager.name ? `${label}: ${manager.name}` : label, ...way };
}

/** What people call a tool: `Argo CD` for `argocd`. */
export function labelOfTool(tool: string): string {
  return describe({ tool }, { service: "", environment: "", version: "", repository: "", digest: "" }).label;
}

function describe(manager: Manager, to: Wanted): Way {
  switch (manager.tool.toLowerCase().replaceAll(/[\s_-]/g, "")) {
    case "argocd":
      return argocd(manager, to);
    case "flux":
    case "fluxcd":
      return flux(manager, to);
    case "github":
    case "githubactions":
      return github(manager, to);
    case "gitlab":
    case "gitlabci":
      return gitlab(to);
    case "compose":
    case "dockercompose":
      return compose(manager, to);
    case "watchtower":
      return watchtower(manager, to);
    case "systemd":
    case "quadlet":
      return systemd(manager, to);
    case "nomad":
      return nomad(manager, to);
    case "helm":
      return helm(manager, to);
    case "swarm":
      return swarm(manager, to);
    case "kubernetes":
      return kubernetes(manager, to);
    default:
      return unknownTool(manager, to);
  }
}

const imageOf = (to: Wanted): string => `${to.repository}@${to.digest}`;

function step(text: string, command?: string): NativeStep {
  return command === undefined ? { text } : { text, command };
}

/** A line for a file; absent unless its value is plain, since every format of a file has its own way of quoting. */
function line(before: string, value: string, after = ""): string | undefined {
  return shellWord(value) === value ? `${before}${value}${after}` : undefined;
}

function argocd({ name, autoSync }: Manager, to: Wanted): Way {
  const image = imageOf(to);
  return {
    label: "Argo CD",
    willRevert: autoSync ?? null,
    why:
      autoSync === true
        ? "Auto-sync is on: Argo CD puts back what Git says, at once with self-heal and otherwise with the next commit."
        : autoSync === false
          ? "Auto-sync is off: Argo CD shows the difference and leaves it, until somebody syncs."
          : "The report does not say whether auto-sync is on. If it is, Argo CD puts back what Git says.",
    steps: [
      step(`In Git, set the image to the digest of ${to.version} (Kustomize as below; with Helm, the chart's image values), commit and push. This is what lasts.`, sh`kustomize edit set image ${`${to.repository}=${image}`}`),
      step("Or set it on the application itself, when Git cannot wait. An application that is kept in Git loses this again.", sh`argocd app set ${name} --kustomize-image ${`${to.repository}=${image}`}`),
      step("With Helm, by the chart's own names for it.", sh`argocd app set ${name} --helm-set ${`image.repository=${to.repository}`} --helm-set ${`image.digest=${to.digest}`}`),
      ...(autoSync === false ? [] : [step("Or go back to an earlier sync. Argo CD refuses a rollback while auto-sync is on, so turn it off first.", sh`argocd app set ${name} --sync-policy none`)]),
      step(`Find the sync that brought ${to.version}, then run argocd app rollback with its id.`, sh`argocd app history ${name}`),
      ...(autoSync === false ? [] : [step("Turn auto-sync on again when Git says the same.", sh`argocd app set ${name} --sync-policy automated`)]),
    ],
    dispatch: null,
  };
}

function flux({ name, detail, autoSync }: Manager, to: Wanted): Way {
  const kind = /helm/i.test(`${detail ?? ""} ${name ?? ""}`) ? "helmrelease" : "kustomization";
  const [, namespace, own] = /^(?:.*\/)?([^/]+)\/([^/]+)$/.exec(name ?? "") ?? [];
  const run = (verb: string, tail = ""): string | undefined => {
    const command = namespace === undefined ? sh`${kind} ${name}` : sh`${kind} ${own} --namespace ${namespace}`;
    return command === undefined ? undefined : `flux ${verb} ${command}${tail}`;
  };
  return {
    label: "Flux",
    willRevert: autoSync ?? true,
    why: autoSync === false ? "It is suspended: Flux leaves what runs alone until somebody resumes it." : "Flux reconciles at every interval: it puts back what Git says, whatever an agent starts.",
    steps: [
      ...(autoSync === false ? [] : [step("Suspend it, so that it does not bring the other version back meanwhile.", run("suspend"))]),
      step(`In Git, set the image to the digest of ${to.version}, commit and push.`, line("image: ", imageOf(to))),
      step("Resume it.", run("resume")),
      step("Reconcile now instead of at the next interval.", run("reconcile", " --with-source")),
    ],
    dispatch: null,
  };
}

function github({ name, detail }: Manager, to: Wanted): Way {
  const fields = sh`-f ${`service=${to.service}`} -f ${`environment=${to.environment}`} -f ${`version=${to.version}`} -f ${`digest=${to.digest}`}`;
  const target = sh`gh workflow run ${detail} --repo ${name}`;
  return {
    label: "GitHub Actions",
    willRevert: false,
    why: "A workflow acts when it is run: it does not undo anything by itself. Its next run deploys what that run was told.",
    steps: [step(`Run the workflow that deploys, with ${to.version}.`, target === undefined || fields === undefined ? undefined : `${target} ${fields}`)],
    dispatch: "github",
  };
}

function gitlab(to: Wanted): Way {
  const variables = [`PLUMBLINE_SERVICE=${to.service}`, `PLUMBLINE_ENVIRONMENT=${to.environment}`, `PLUMBLINE_VERSION=${to.version}`, `PLUMBLINE_DIGEST=${to.digest}`];
  return {
    label: "GitLab CI",
    willRevert: false,
    why: "A pipeline acts when it is run: it does not undo anything by itself. Its next run deploys what that run was told.",
    steps: [step("Run the pipeline that deploys, with these variables.", variables.some((each) => shellWord(each) === null) ? undefined : variables.join("\n"))],
    dispatch: "gitlab",
  };
}

function compose({ name, detail, autoSync }: Manager, to: Wanted): Way {
  // Several files are told with commas between them; a comma within one name is no reason to split it.
  const files = detail === undefined ? [] : /,(?=\/|[A-Za-z]:\\)/.test(detail) ? detail.split(/,(?=\/|[A-Za-z]:\\)/) : [detail];
  const parts = [name === undefined ? "" : sh`--project-name ${name}`, ...files.map((file) => sh`--file ${file}`), sh`up --detach ${to.service}`];
  const up = parts.includes(undefined) ? undefined : `docker compose ${parts.filter((part) => part !== "").join(" ")}`;
  return {
    label: "Compose",
    willRevert: autoSync ?? false,
    why: "A Compose project does not undo anything by itself. The next docker compose up starts what the file says, so the file has to say it.",
    steps: [
      step(`In ${detail ?? "the Compose file"}, set the image of the service to the digest of ${to.version}.`, line("image: ", imageOf(to))),
      step("Start it. Where the service has another name in the file, use that.", up),
    ],
    dispatch: null,
  };
}

function watchtower({ autoSync }: Manager, to: Wanted): Way {
  return {
    label: "Watchtower",
    willRevert: autoSync ?? true,
    why: "Watchtower starts whatever the tag points to next. An image by digest has nothing newer, so it leaves that alone.",
    steps: [
      step("Take the container out of its hands, by this label where the container is defined.", `com.centurylinklabs.watchtower.enable: "false"`),
      step(`There, set the image to the digest of ${to.version}, and start it anew.`, line("image: ", imageOf(to))),
    ],
    dispatch: null,
  };
}

function systemd({ tool, name, detail }: Manager, to: Wanted): Way {
  const isQuadlet = tool.toLowerCase() === "quadlet" || (detail ?? "").endsWith(".container");
  return {
    label: isQuadlet ? "Quadlet" : "systemd",
    willRevert: true,
    why: "The unit makes its container anew at every start: what an agent started is gone with the next restart or reboot.",
    steps: [
      step(`In ${detail ?? "the unit's file"}, set the image to the digest of ${to.version}.`, line(isQuadlet ? "Image=" : "", imageOf(to))),
      step("Read the units again.", "systemctl daemon-reload"),
      step("Restart it; for a unit of one's own user, with --user in both commands.", sh`systemctl restart ${name}`),
    ],
    dispatch: null,
  };
}

function nomad({ name, autoSync }: Manager, to: Wanted): Way {
  return {
    label: "Nomad",
    willRevert: autoSync ?? true,
    why: "Nomad keeps the allocations of a job as its specification says: a container that an agent replaced is replaced again.",
    steps: [
      step(`In the job's file, set the task's image to the digest of ${to.version}, then run nomad job run with that file.`, line('image = "', imageOf(to), '"')),
      step(`Or go back: find the version of the job that ran ${to.version}, then run nomad job revert with its number.`, sh`nomad job history -p ${name}`),
    ],
    dispatch: null,
  };
}

function helm({ name, autoSync }: Manager, to: Wanted): Way {
  const [, namespace, own] = /^([^/]+)\/([^/]+)$/.exec(name ?? "") ?? [];
  return {
    label: "Helm",
    willRevert: autoSync ?? false,
    why: "Helm acts when it is run: it does not undo anything by itself. The next helm upgrade applies the values that it is given.",
    steps: [
      step(`Set the chart's image values to the digest of ${to.version} and run helm upgrade as always.`, line("", to.digest)),
      step(`Or go back: find the revision that ran ${to.version}, then run helm rollback with its number.`, namespace === undefined ? sh`helm history ${name}` : sh`helm history ${own} --namespace ${namespace}`),
    ],
    dispatch: null,
  };
}

function swarm({ name, autoSync }: Manager, to: Wanted): Way {
  return {
    label: "Docker Swarm",
    willRevert: autoSync ?? true,
    why: "Swarm keeps the tasks of a service as the service says: a container that an agent replaced is replaced again.",
    steps: [
      step(`Update the service to the digest of ${to.version}, on a manager.`, sh`docker service update --image ${imageOf(to)} ${name}`),
      step("Put the same image into the stack's file, or the next docker stack deploy brings the other one back.", line("image: ", imageOf(to))),
    ],
    dispatch: null,
  };
}

function kubernetes({ name, autoSync }: Manager, to: Wanted): Way {
  return {
    label: "Kubernetes",
    willRevert: autoSync ?? true,
    why: "Its controller keeps the pods as the workload says: a container that an agent replaced is replaced again.",
    steps: [
      step("Find the workload that made the pod: Controlled By in its description.", sh`kubectl describe pod ${name}`),
      step(`Set the image of that workload's container to the digest of ${to.version}, where the workload is kept.`, line("image: ", imageOf(to))),
    ],
    dispatch: null,
  };
}

function unknownTool({ tool, autoSync }: Manager, to: Wanted): Way {
  return {
    label: tool,
    willRevert: autoSync ?? null,
    why:
      autoSync === true
        ? `${tool} puts its own version back by itself, so the change has to be made there.`
        : autoSync === false
          ? `${tool} does not put its own version back by itself. What it does the next time that somebody runs it, Plumbline does not know.`
          : `Plumbline does not know how ${tool} works, or whether it puts its own version back.`,
    steps: [step(`Set the image in ${tool} to the digest of ${to.version}.`, line("", imageOf(to)))],
    dispatch: null,
  };
}
