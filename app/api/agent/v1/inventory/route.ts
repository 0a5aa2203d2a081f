export { postInventory as POST } from "@/server/inventory/agent-handlers";
