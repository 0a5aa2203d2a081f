import { ButtonLink } from "@/components/ui/button";
import { StateView } from "@/components/ui/state-view";
import { Verdict } from "@/components/ui/verdict";

export default function NotFoundPage() {
  return (
    <>
      <Verdict parts={["There is no such thing here."]} />
      <StateView kind="empty" title="It does not exist, or you have no right to see it." actions={<ButtonLink href="/fleet">Go to the fleet</ButtonLink>} />
    </>
  );
}
