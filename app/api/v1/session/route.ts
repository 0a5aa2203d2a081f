import { sessionDto } from "@/lib/contract/access";
import { getSession } from "@/server/access/get-session";
import { handle } from "@/server/http/handle";

export const GET = handle({ verb: "session.read", summary: "Who asks, and what they may do", auth: "session", output: sessionDto, run: getSession });
