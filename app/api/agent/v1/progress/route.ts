import { postProgress } from "@/server/desired/agent-handlers";

export const POST = postProgress;
