import { CopyButton } from "./copy-button";
import { StatusShape } from "./status-shape";

/** Text to paste elsewhere, in mono, with its button. */
export function CopyBlock({ text, label = "Copy text" }: { text: string; label?: string }) {
  return (
    <div className="copy-block">
      <pre>{text}</pre>
      <CopyButton text={text} label={label} done="Copied">
        <StatusShape kind="copy" size={12} /> Copy
      </CopyButton>
    </div>
  );
}
