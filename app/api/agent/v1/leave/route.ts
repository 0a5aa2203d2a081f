export { postLeave as POST } from "@/server/inventory/agent-handlers";
