import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import type { AdoptionPreview } from "@/lib/contract/adoption";
import type { AnnouncementDto } from "@/lib/contract/deployments";
import type { HookDto } from "@/lib/contract/hooks";
import type { ChannelDto, DeliveryDto } from "@/lib/contract/notifications";
import type { ExecutorPage } from "@/lib/contract/executors";
import type { AgentDto, EnvironmentDto, FindingsDto, InstanceDetail, InstanceDto, MapDto, MatrixDto, ServiceDto } from "@/lib/contract/fleet";
import type { JournalItem } from "@/lib/contract/journal";
import type { PreviewRuleDto } from "@/lib/contract/previews";
import type { Page } from "@/lib/contract/primitives";
import type { ReleaseDto } from "@/lib/contract/releases";
import type { GroupDto, GroupPreview, RolloutDetail, RolloutDto, RolloutPreview } from "@/lib/contract/rollouts";
import type { FreezeDto } from "@/lib/contract/freezes";
import type { HoldDto, StandingRecall, WaiverDto } from "@/lib/contract/policies";
import type { MappingDto } from "@/lib/contract/mapping";
import type { StrategyDto } from "@/lib/contract/strategies";
import type { PoolDto, SessionDto, TokenDto } from "@/lib/contract/access";
import { getJson } from "./api-client";
import { keys } from "./keys";
import type { PreviewKey } from "./keys";

/** What a page needs, by key. A page's server part prefetches under the same key with the verb's own answer. */
export const sessionQuery = () => queryOptions({ queryKey: keys.session, queryFn: ({ signal }) => getJson<SessionDto>("session", {}, signal) });

export const matrixQuery = () => queryOptions({ queryKey: keys.matrix, queryFn: ({ signal }) => getJson<MatrixDto>("fleet/matrix", {}, signal) });

export const mapQuery = () => queryOptions({ queryKey: keys.map, queryFn: ({ signal }) => getJson<MapDto>("fleet/map", {}, signal), staleTime: 2_000 });

export const findingsQuery = (filter: { service?: string | null; environment?: string | null; kind?: string | null; state?: string }) =>
  queryOptions({ queryKey: keys.findings(filter), queryFn: ({ signal }) => getJson<FindingsDto>("findings", filter, signal) });

/** Everything open, unfiltered: what the navigation counts, and where `/drift` begins. */
export const OPEN_FINDINGS = { service: null, environment: null, kind: null, state: "open" } as const;

/** What an adoption would do. Always fresh when somebody begins to look. */
export const adoptionQuery = (scope: { environment: string | null; service: string | null }) =>
  queryOptions({ queryKey: keys.adoption(scope), queryFn: ({ signal }) => getJson<AdoptionPreview>("adoption", { ...scope, limit: 100 }, signal), gcTime: 0, refetchOnWindowFocus: false, refetchOnReconnect: false });

export const serviceQuery = (name: string) =>
  queryOptions({ queryKey: keys.service(name), queryFn: ({ signal }) => getJson<ServiceDto>(`services/${encodeURIComponent(name)}`, {}, signal) });

export const instancesQuery = (filter: { service?: string | null; environment?: string | null; category?: string | null }) =>
  infiniteQueryOptions({
    queryKey: keys.instances(filter),
    queryFn: ({ signal, pageParam }) => getJson<Page<InstanceDto>>("instances", { ...filter, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.nextCursor,
  });

export const instanceQuery = (id: string) =>
  queryOptions({ queryKey: keys.instance(id), queryFn: ({ signal }) => getJson<InstanceDetail>(`instances/${id}`, {}, signal) });

/** What happened in the last day, or in the day before `to`, newest first. A quiet place says nothing by itself, so it is asked now and then. */
export const journalQuery = (filter: { service?: string | null; environment?: string | null; instance?: string | null; to?: string | null }) =>
  infiniteQueryOptions({
    queryKey: keys.journal(filter),
    queryFn: ({ signal, pageParam }) => getJson<Page<JournalItem>>("journal", { ...filter, limit: 100, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.nextCursor,
    refetchInterval: 20_000,
  });

export const rolloutsQuery = (filter: { service?: string | null; status?: string | null }) =>
  queryOptions({ queryKey: keys.rollouts(filter), queryFn: ({ signal }) => getJson<Page<RolloutDto>>("rollouts", filter, signal) });

export const rolloutQuery = (id: string) =>
  queryOptions({ queryKey: keys.rollout(id), queryFn: ({ signal }) => getJson<RolloutDetail>(`rollouts/${id}`, {}, signal) });

export const previewQuery = (key: PreviewKey) =>
  queryOptions({ queryKey: keys.preview(key), queryFn: ({ signal }) => getJson<RolloutPreview>("rollouts/preview", { ...key }, signal), staleTime: 0 });

/** What channels and executors were told about a rollout. */
export const rolloutDeliveriesQuery = (rollout: string) =>
  queryOptions({ queryKey: keys.rolloutDeliveries(rollout), queryFn: ({ signal }) => getJson<Page<DeliveryDto>>("deliveries", { rollout, limit: 50 }, signal) });

/** `query` as in the contract: kind and environment and at, or kind and service and version. */
export const groupPreviewQuery = (query: Readonly<Record<string, string>>) =>
  queryOptions({ queryKey: keys.groupPreview(query), queryFn: ({ signal }) => getJson<GroupPreview>("rollout-groups/preview", query, signal), staleTime: 0 });

export const groupQuery = (id: string) => queryOptions({ queryKey: keys.group(id), queryFn: ({ signal }) => getJson<GroupDto>(`rollout-groups/${id}`, {}, signal) });

export const releasesQuery = (service: string | null) =>
  queryOptions({ queryKey: keys.releases(service), queryFn: ({ signal }) => getJson<Page<ReleaseDto>>("releases", { service }, signal) });

export const agentsQuery = () => queryOptions({ queryKey: keys.agents, queryFn: ({ signal }) => getJson<Page<AgentDto>>("agents", { limit: 500 }, signal) });

export const environmentsQuery = () =>
  queryOptions({ queryKey: keys.environments, queryFn: ({ signal }) => getJson<Page<EnvironmentDto>>("environments", {}, signal) });

export const tokensQuery = () => queryOptions({ queryKey: keys.tokens, queryFn: ({ signal }) => getJson<Page<TokenDto>>("tokens", {}, signal) });

export const previewRulesQuery = () => queryOptions({ queryKey: keys.previewRules, queryFn: ({ signal }) => getJson<Page<PreviewRuleDto>>("preview-rules", {}, signal) });

export const poolsQuery = () => queryOptions({ queryKey: keys.pools, queryFn: ({ signal }) => getJson<Page<PoolDto>>("pools", {}, signal) });

export const executorsQuery = () => queryOptions({ queryKey: keys.executors, queryFn: ({ signal }) => getJson<ExecutorPage>("executors", {}, signal) });

export const hooksQuery = () => queryOptions({ queryKey: keys.hooks, queryFn: ({ signal }) => getJson<Page<HookDto>>("hooks", {}, signal) });

export const announcementsQuery = () =>
  infiniteQueryOptions({
    queryKey: keys.announcements,
    queryFn: ({ signal, pageParam }) => getJson<Page<AnnouncementDto>>("deployments", { limit: 50, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.nextCursor,
  });

export const freezesQuery = () => queryOptions({ queryKey: keys.freezes, queryFn: ({ signal }) => getJson<Page<FreezeDto>>("freezes", {}, signal) });

export const holdsQuery = () => queryOptions({ queryKey: keys.holds, queryFn: ({ signal }) => getJson<Page<HoldDto>>("holds", {}, signal) });

export const waiversQuery = () => queryOptions({ queryKey: keys.waivers, queryFn: ({ signal }) => getJson<Page<WaiverDto>>("waivers", {}, signal) });

export const recallsQuery = () => queryOptions({ queryKey: keys.recalls, queryFn: ({ signal }) => getJson<Page<StandingRecall>>("recalls", {}, signal) });

export const mappingQuery = () => queryOptions({ queryKey: keys.mapping, queryFn: ({ signal }) => getJson<MappingDto>("mapping", {}, signal) });

export const strategiesQuery = () => queryOptions({ queryKey: keys.strategies, queryFn: ({ signal }) => getJson<Page<StrategyDto>>("strategies", {}, signal) });

export const channelsQuery = () => queryOptions({ queryKey: keys.channels, queryFn: ({ signal }) => getJson<Page<ChannelDto>>("channels", {}, signal) });

export const deliveriesQuery = (filter: { status?: string | null }) =>
  infiniteQueryOptions({
    queryKey: keys.deliveries(filter),
    queryFn: ({ signal, pageParam }) => getJson<Page<DeliveryDto>>("deliveries", { ...filter, limit: 50, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.nextCursor,
  });

/** The last things that an executor was told, newest first. */
export const toldExecutorQuery = (executor: string) =>
  queryOptions({ queryKey: keys.toldExecutor(executor), queryFn: ({ signal }) => getJson<Page<DeliveryDto>>("deliveries", { executor, limit: 10 }, signal) });
