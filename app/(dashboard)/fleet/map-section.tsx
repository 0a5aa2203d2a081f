"use client";

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { FleetMap, MapLegend } from "@/components/fleet/fleet-map";
import { formatCount } from "@/components/ui/format";
import { StateView } from "@/components/ui/state-view";
import { SectionHead } from "@/components/ui/verdict";
import { mapQuery } from "@/lib/queries/queries";
import { toMapGroups } from "./to-map";

/** Every instance as a cell. Loaded after the matrix: it is large and answers the second question. */
export function MapSection() {
  const { data, error, refetch } = useQuery(mapQuery());
  const groups = useMemo(() => (data ? toMapGroups(data) : []), [data]);
  if (error && !data) return <StateView kind="error" title="The map could not be loaded" cause={error.message} onRetry={() => void refetch()} />;
  if (!data) return <StateView kind="loading" label="Loading the map" rows={3} />;
  if (data.total === 0) return null;
  return (
    <section className="section" aria-labelledby="map-title">
      <SectionHead
        id="map-title"
        title={`${formatCount(data.total)} ${data.total === 1 ? "instance" : "instances"}`}
        note="by region and host, damage at the left edge of each"
        end={<MapLegend groups={groups} />}
      />
      {data.truncated ? <StateView kind="partial" title="Not all are drawn." body="The map ends at 100,000 instances; the counts above cover all of them." /> : null}
      <FleetMap groups={groups} />
    </section>
  );
}
