"use client";

import { useState } from "react";
import { ApiError } from "@/lib/queries/api-client";

export interface Act<T> {
  busy: boolean;
  result: T | null;
  error: string | null;
  /** Field path → what is wrong there. */
  fields: ReadonlyMap<string, string>;
  run: (act: () => Promise<T>) => Promise<void>;
  clear: () => void;
}

/** One form's sending: busy, then its result or what was wrong. */
export function useAct<T>(): Act<T> {
  const [state, setState] = useState<Pick<Act<T>, "busy" | "result" | "error" | "fields">>({ busy: false, result: null, error: null, fields: new Map() });
  return {
    ...state,
    clear: () => setState({ busy: false, result: null, error: null, fields: new Map() }),
    run: async (act) => {
      setState({ busy: true, result: null, error: null, fields: new Map() });
      try {
        setState({ busy: false, result: await act(), error: null, fields: new Map() });
      } catch (error) {
        const problem = error instanceof ApiError ? error.problem : null;
        setState({
          busy: false,
          result: null,
          error: problem ? `${problem.detail}${problem.requestId === "none" ? "" : ` (request ${problem.requestId})`}` : "Something went wrong on this page. Reload it and try again.",
          fields: new Map((problem?.fields ?? []).map((field) => [field.path, field.message])),
        });
      }
    },
  };
}
