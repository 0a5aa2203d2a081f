import { getDesired } from "@/server/desired/agent-handlers";

export const GET = getDesired;
