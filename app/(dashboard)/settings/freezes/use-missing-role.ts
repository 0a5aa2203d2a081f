"use client";

import { useQuery } from "@tanstack/react-query";
import { rolesFor, type Verb } from "@/lib/domain/access/permissions";
import { sessionQuery } from "@/lib/queries/queries";

/** Why this person may do something nowhere; null when some role allows it somewhere. Where is typed into the form, and the server decides. */
export function useMissingRole(): (verb: Verb) => string | null {
  const { data } = useQuery(sessionQuery());
  return (verb) => {
    if (!data) return "Who you are is still loading.";
    return data.roles.some(({ role }) => rolesFor(verb).includes(role)) ? null : `This needs the role ${rolesFor(verb).join(" or ")}.`;
  };
}
