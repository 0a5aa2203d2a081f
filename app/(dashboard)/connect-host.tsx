import { ButtonLink } from "@/components/ui/button";
import { CopyBlock } from "@/components/ui/copy-block";
import { StateView } from "@/components/ui/state-view";

const COMMANDS = `plumbline pool create shop-prod --environment production
plumbline pool enrol shop-prod
# on the host, with the token that the line above printed:
node plumbline.mjs agent enroll --url <this address> --token ple_…
node plumbline.mjs agent run`;

const HOW = "A pool says which environments its hosts report for; an enrolment token admits a host. The agent observes; it replaces nothing unless its own host says --act. The page listens: the first report appears here by itself.";

/** Nothing reports yet, and what to do about it; `bare` says only how. */
export function ConnectHost({ bare = false }: { bare?: boolean }) {
  const make = <ButtonLink href="/settings">Make a pool and a token here</ButtonLink>;
  return (
    <>
      {bare ? (
        <>
          <p>{HOW}</p>
          <div className="state-actions">{make}</div>
        </>
      ) : (
        <StateView
          kind="empty"
          title="No agent reports yet."
          body={HOW}
          actions={
            <>
              {make}
              <ButtonLink href="/welcome">Or look at a simulated fleet first</ButtonLink>
            </>
          }
        />
      )}
      <div className="connect-commands">
        <p className="muted">
          Or at a shell, in this folder with <code>npm run plumbline --</code>, or with the one file <code>dist/plumbline.mjs</code>:
        </p>
        <CopyBlock text={COMMANDS} label="Copy the commands" />
      </div>
    </>
  );
}
