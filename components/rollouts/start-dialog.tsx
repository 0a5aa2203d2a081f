"use client";

import { Dialog } from "@/components/ui/dialog";
import { startWords } from "./prepare-start";
import { StartBody } from "./start-body";
import type { StartBodyProps } from "./start-body";

export interface StartDialogProps extends StartBodyProps {
  open: boolean;
  onClose: () => void;
}

/** The act in a modal: the page stays legible behind the decision. */
export function StartDialog({ open, onClose, ...body }: StartDialogProps) {
  const { view, progress } = body;
  const { title, under } = startWords({ ...view, to: view.to.version });
  return (
    <Dialog open={open} onClose={onClose} title={progress.kind === "accepted" ? under : title} width="960px" flush>
      <StartBody {...body} onCancel={onClose} />
    </Dialog>
  );
}
