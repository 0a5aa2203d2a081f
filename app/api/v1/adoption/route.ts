import { adoptionPreview, adoptionQuery, adoptionReceipt, adoptionRequest } from "@/lib/contract/adoption";
import { adoptFleet } from "@/server/adoption/adopt-fleet";
import { previewAdoption } from "@/server/adoption/preview-adoption";
import { handle } from "@/server/http/handle";

export const GET = handle({
  verb: "adoption.preview",
  summary: "What runs without a decision, as the releases and assignments that an adoption would make of it, and what it would leave out",
  auth: "session",
  input: { query: adoptionQuery },
  output: adoptionPreview,
  run: ({ ctx, input }) => previewAdoption({ ctx, input: input.query }),
});

export const POST = handle({
  verb: "adoption.adopt",
  summary: "Takes what runs as it is: releases, approvals and assignments by one ledger entry; no host is told to do anything",
  auth: "session",
  input: { body: adoptionRequest },
  output: adoptionReceipt,
  status: 201,
  run: ({ ctx, input }) => adoptFleet({ ctx, input: input.body }),
});
