export { postEnroll as POST } from "@/server/inventory/agent-handlers";
