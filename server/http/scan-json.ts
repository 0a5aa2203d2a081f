import { AppError, type FieldProblem } from "@/server/errors";

const QUOTE = 34;
const BACKSLASH = 92;

/**
 * How deep arrays and objects nest in a JSON text, looking no further than `limit` + 1. Does not validate and does not
 * recurse: it runs before JSON.parse, which does.
 */
export function nestingDepth(text: string, limit: number): number {
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
    } else if (code === 91 || code === 123) {
      depth += 1;
      if (depth > deepest) deepest = depth;
      if (deepest > limit) return deepest;
    } else if (code === 93 || code === 125) {
      depth -= 1;
    }
  }
  return deepest;
}

/** Index of the closing quote; the end of the text when there is none. */
function endOfString(text: string, opening: number): number {
  for (let from = opening + 1; ; ) {
    const quote = text.indexOf('"', from);
    if (quote === -1) return text.length;
    let slashes = 0;
    while (text.charCodeAt(quote - 1 - slashes) === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return quote;
    from = quote + 1;
  }
}

/**
 * Reads JSON that a stranger sent.
 * @throws AppError invalid: too deep, malformed, a forbidden key, or a string that PostgreSQL cannot hold, with its path
 */
export function parseJson(text: string, { maxDepth }: { maxDepth: number }): unknown {
  if (nestingDepth(text, maxDepth) > maxDepth) throw new AppError("invalid", `The body nests deeper than ${maxDepth} levels.`, { type: "too-deep" });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new AppError("invalid", "The body is not JSON.", { type: "malformed-json" });
  }
  // A raw control character is malformed JSON and the decoder refuses lone surrogates: only escapes bring them in.
  if (text.includes("\\u") || text.includes("__proto__")) {
    const fields: FieldProblem[] = [];
    findForbidden(value, "", fields);
    if (fields.length > 0) throw new AppError("invalid", "The body holds text that is not allowed.", { type: "forbidden-text", fields });
  }
  return value;
}

const MOST_REPORTED = 20;

/** Walks no deeper than the depth that was checked before. */
function findForbidden(value: unknown, path: string, into: FieldProblem[]): void {
  if (into.length >= MOST_REPORTED) return;
  if (typeof value === "string") {
    const why = whyForbidden(value);
    if (why) into.push({ path, message: why });
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) findForbidden(item, `${path}[${index}]`, into);
  } else if (value !== null && typeof value === "object") {
    for (const [key, item] of Object.entries(value)) {
      const why = key === "__proto__" ? "this key is not allowed" : whyForbidden(key);
      // What is wrong with a key is said where it stands: repeating it would send it back.
      if (why) into.push({ path: path === "" ? "(key)" : `${path}.(key)`, message: why });
      else findForbidden(item, path === "" ? key : `${path}.${key}`, into);
    }
  }
}

function whyForbidden(text: string): string | null {
  if (text.includes("\u0000")) return "must not contain NUL characters";
  if (/[\uD800-\uDFFF]/.test(text) && /(?:[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF])/.test(text)) return "must not contain half of a surrogate pair";
  return null;
}
