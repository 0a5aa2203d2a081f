import { SectionHead } from "@/components/ui/verdict";
import { NativeWays } from "./native-ways";
import type { NativeWaysProps } from "./native-ways";

/** Who manages the targets, before everything else: what another tool puts back is not changed for long by anything below. */
export function Managers({ ways, executor }: NativeWaysProps) {
  if (ways.length === 0) return null;
  // An executor may well change what the manager looks at, which is not put back then: nobody here can tell.
  const reverts = executor === null && ways.some((way) => way.willRevert === true);
  return (
    <section className="managers" aria-label="Who manages the targets">
      <SectionHead level={3} title={reverts ? "Their managers' own way comes first" : "Who manages the targets"} note={reverts ? "what is started below, they put back" : null} />
      <NativeWays ways={ways} executor={executor} />
    </section>
  );
}
