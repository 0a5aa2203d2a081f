import { QueryCache, QueryClient } from "@tanstack/react-query";
import { ApiError } from "./api-client";

/**
 * A new one per server request and one per tab. Live changes refetch; a slow poll covers a dead stream.
 * `onSignedOut` hears of the first answer that says the session has ended.
 */
export function createQueryClient({ onSignedOut }: { onSignedOut?: () => void } = {}): QueryClient {
  return new QueryClient({
    queryCache: new QueryCache({ onError: (error) => error instanceof ApiError && error.status === 401 && onSignedOut?.() }),
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        refetchInterval: 30_000,
        refetchOnWindowFocus: true,
        retry: (failures, error) => failures < 3 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
      },
    },
  });
}
