"use client";

import { Dialog } from "@/components/ui/dialog";
import { rollbackWords } from "./prepare-rollback";
import { RollbackBody } from "./rollback-body";
import type { RollbackBodyProps } from "./rollback-body";

export interface RollbackDialogProps extends RollbackBodyProps {
  open: boolean;
  onClose: () => void;
}

/** The rollback in a modal: the page stays legible behind the decision. */
export function RollbackDialog({ open, onClose, ...body }: RollbackDialogProps) {
  const { view, progress } = body;
  const { title, under } = rollbackWords(view);
  return (
    <Dialog open={open} onClose={onClose} title={progress.kind === "accepted" ? under : title} width="960px" flush>
      <RollbackBody {...body} onCancel={onClose} />
    </Dialog>
  );
}
