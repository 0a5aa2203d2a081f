import { postRollbackForm } from "@/server/http/rollback-form";

export const POST = postRollbackForm;
