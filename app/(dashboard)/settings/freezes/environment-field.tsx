import { Field } from "@/components/ui/field";

/** One of the environments there are. */
export function EnvironmentField({ environments, error }: { environments: readonly string[]; error: string | null }) {
  return (
    <Field label="Environment" error={error}>
      {(wiring) => (
        <select className="input" name="environment" required {...wiring}>
          {environments.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      )}
    </Field>
  );
}
