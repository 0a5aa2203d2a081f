import type { LeftOutReason } from "./plan-adoption";

/** Why something is left out of an adoption, in one sentence, and what to do where something can be done. */
export function explainLeftOut(reason: LeftOutReason): string {
  switch (reason) {
    case "recalled":
      return "It runs something that is recalled. Replace it; it stays a finding.";
    case "conflicting":
      return "Its digests lead to different bytes, so nobody can say what it is. It stays a finding.";
    case "linked":
      return "Hosts say that these are the bytes of a registered release, but no manifest proves it. Register that release with its manifests.";
    case "minority":
      return "Most copies here run another digest, which is assigned. These stay a finding.";
    case "mutated":
      return "It was changed in place after its start. Its image is adopted, the change stays a finding.";
    case "local":
      return "It was built on its host; no registry knows it. Push it, or register it.";
    case "no-digest":
      return "The runtime names no digest, so nothing says which bytes these are.";
    case "withdrawn":
      return "Its approval here was withdrawn. Somebody has to approve it again.";
    case "rollout-running":
      return "A rollout runs here, and decides. Look again when it is done.";
    case "assigned":
      return "A release is assigned here already; these copies run beside it.";
    case "silent":
      return "Its hosts have not been heard of lately, so nobody knows what runs there.";
    case "stopped":
      return "Its copies are stopped: nothing of it runs.";
    case "no-service":
      return "Nothing says which service it belongs to. Label it, or write a mapping rule.";
    case "ignored":
      return "A mapping rule says that nobody judges it.";
    default:
      return reason satisfies never;
  }
}
