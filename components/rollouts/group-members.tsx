import { Checkbox } from "@/components/ui/field";
import { formatCount } from "@/components/ui/format";
import { ReleaseLine } from "@/components/ui/release-line";
import { StatusShape } from "@/components/ui/status-shape";
import { HangingCell, Table } from "@/components/ui/table";
import type { GroupMember } from "@/lib/contract/rollouts";

const ACT: Record<NonNullable<GroupMember["kind"]>, string> = { rollback: "roll back", reconverge: "put back", stop: "stop", promote: "promote", replace: "replace" };

function keyOf(member: GroupMember): string {
  return `${member.service}/${member.environment}/${member.partition}`;
}

/** Why it cannot be chosen, or what to know before choosing it. */
function Words({ member }: { member: GroupMember }) {
  const sentences = member.allowed ? member.warnings : member.reasons;
  if (sentences.length === 0 && !member.weakEvidence) return <span className="muted">nothing to note</span>;
  return (
    <>
      {member.allowed && member.weakEvidence ? (
        <span className="block">
          <StatusShape kind="cross" size={12} /> Weak evidence: it did not prove itself here.
        </span>
      ) : null}
      {sentences.map(({ reason, sentence }) => (
        <span key={reason + sentence} className="block">
          {member.allowed ? null : <StatusShape kind="lock" size={12} tone="neutral" />} {sentence}
        </span>
      ))}
    </>
  );
}

/** The places of a group: from what to what, how far it reaches, what speaks for and against; each can be left out. */
export function GroupMembers({ members, chosen, onToggle }: { members: readonly GroupMember[]; chosen: ReadonlySet<string>; onToggle: (key: string) => void }) {
  return (
    <div className="group-table">
      <Table label="Places" stack>
        <thead>
          <tr>
            <th scope="col">Place</th>
            <th scope="col">From</th>
            <th scope="col">To</th>
            <th scope="col" className="num">
              Instances
            </th>
            <th scope="col">To know</th>
          </tr>
        </thead>
        <tbody>
          {members.map((member) => {
            const key = keyOf(member);
            return (
              <tr key={key} data-refused={member.allowed ? undefined : ""}>
                <HangingCell tone={!member.allowed ? "unknown" : member.kind === "stop" ? "critical" : member.weakEvidence ? "drift" : "match"} data-phone="wide">
                  <Checkbox
                    label={
                      <>
                        <b>{member.service}</b> / {member.environment}
                        {member.partition === "default" ? null : ` / ${member.partition}`}
                        <span className="muted block">{member.allowed && member.kind ? ACT[member.kind] : "cannot be started from here"}</span>
                      </>
                    }
                    checked={member.allowed && chosen.has(key)}
                    disabled={!member.allowed}
                    onChange={() => onToggle(key)}
                  />
                </HangingCell>
                <td data-phone="wide">
                  <span className="phone-only muted">from </span>
                  {member.from ? <ReleaseLine version={member.from.version} digest={member.from.digest} mark={member.from.adopted ? "adopted, no evidence" : undefined} /> : <span className="muted">nothing</span>}
                </td>
                <td data-phone="wide">
                  <span className="phone-only muted">to </span>
                  {member.to ? <ReleaseLine version={member.to.version} digest={member.to.digest} mark={member.to.adopted ? "adopted, no evidence" : undefined} /> : <span className="muted">{member.kind === "stop" ? "nothing: stopped" : "nothing"}</span>}
                </td>
                <td className="num" data-phone="wide">
                  {formatCount(member.instances)}
                  <span className="phone-only muted"> instances</span>
                </td>
                <td className="wraps" data-phone="wide">
                  <Words member={member} />
                </td>
              </tr>
            );
          })}
        </tbody>
      </Table>
    </div>
  );
}
