import { AppError } from "@/server/errors";

/** What looks like a credential in free text. The ledger keeps what it is told: better a refused note than a leaked key. */
const SHAPES: { what: string; pattern: RegExp }[] = [
  { what: "a private key or certificate", pattern: /-----BEGIN [A-Z0-9 ]+-----/ },
  { what: "an AWS access key", pattern: /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/ },
  { what: "a GitHub token", pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{40,})/ },
  { what: "a GitLab token", pattern: /\bglpat-[A-Za-z0-9_-]{20,}/ },
  { what: "a Slack token", pattern: /\bxox[abeoprs]-[A-Za-z0-9-]{10,}/ },
  { what: "a Google API key", pattern: /\bAIza[0-9A-Za-z_-]{35}/ },
  { what: "a Plumbline token", pattern: /\bpl[aest]_[A-Za-z0-9_-]{20,}/ },
  { what: "a JSON web token", pattern: /\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}/ },
  { what: "a password in a URL", pattern: /\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@]+:[^\s:/@]+@/i },
];

/** Names the kind of secret that a text seems to hold; null for none. */
export function findSecret(text: string): string | null {
  return SHAPES.find(({ pattern }) => pattern.test(text))?.what ?? null;
}

/** @throws AppError unprocessable, naming the field, when a text looks like it holds a secret */
export function refuseSecrets(texts: Record<string, string | null | undefined>): void {
  for (const [field, text] of Object.entries(texts)) {
    const secret = text ? findSecret(text) : null;
    if (secret) {
      const message = `looks like it holds ${secret}; leave it out, because what is recorded stays.`;
      throw new AppError("unprocessable", `The ${field} ${message}`, { type: "secret-in-text", fields: [{ path: field, message }] });
    }
  }
}
