import { journalPage, journalQuery } from "@/lib/contract/journal";
import { handle } from "@/server/http/handle";
import { listJournal } from "@/server/journal/list-journal";

export const GET = handle({
  verb: "journal.read",
  summary: "What happened at a place or to an instance, newest first, with what was learned later",
  auth: "session",
  input: { query: journalQuery },
  output: journalPage,
  run: ({ ctx, input }) => listJournal({ ctx, input: input.query }),
});
