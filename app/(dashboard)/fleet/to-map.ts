import { decodeCells } from "@/components/fleet/pack-map";
import type { MapGroup } from "@/components/fleet/pack-map";
import type { MapDto } from "@/lib/contract/fleet";

/** Groups of the map, region by region in the order given, so that a region stays in one piece. */
export function toMapGroups(dto: MapDto): MapGroup[] {
  const regions = [...new Set(dto.groups.map((group) => group.region))];
  return regions.flatMap((region) =>
    dto.groups
      .filter((group) => group.region === region)
      .map((group) => ({ id: `${region} ${group.agent}`, region: region || "no region", label: group.agent, cells: decodeCells(group.cells) })),
  );
}
