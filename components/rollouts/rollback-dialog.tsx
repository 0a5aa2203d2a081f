"use client";

import { Dialog } from "@/components/ui/dialog";
import { RollbackBody } from "./rollback-body";
import type { RollbackBodyProps } from "./rollback-body";

export interface RollbackDialogProps extends RollbackBodyProps {
  open: boolean;
  onClose: () => void;
}

/** The rollback in a modal: the page stays legible behind the decision. */
export function RollbackDialog({ open, onClose, ...body }: RollbackDialogProps) {
  const { view, progress } = body;
  const title =
    progress.kind === "accepted"
      ? `${view.service} in ${view.environment} is rolling back to ${view.to.version ?? "it"}`
      : `Roll back ${view.service} in ${view.environment}`;
  return (
    <Dialog open={open} onClose={onClose} title={title} width="960px" flush>
      <RollbackBody {...body} onCancel={onClose} />
    </Dialog>
  );
}
