import { Field, Input } from "@/components/ui/field";
import { ROLES, describeRole } from "@/lib/domain/access/roles";
import type { Role } from "@/lib/domain/access/roles";

export interface ScopeFieldsProps {
  role: Role;
  onRole: (role: Role) => void;
  errors: ReadonlyMap<string, string>;
}

/** A role, and where it holds. */
export function ScopeFields({ role, onRole, errors }: ScopeFieldsProps) {
  return (
    <>
      <Field label="Role" hint={describeRole(role)}>
        {(wiring) => (
          <select className="input" name="role" {...wiring} value={role} onChange={(event) => onRole(ROLES.find((name) => name === event.target.value) ?? role)}>
            {ROLES.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        )}
      </Field>
      <Input label="Services" name="service" defaultValue="*" required hint="A name; * stands for any characters." error={errors.get("service") ?? null} autoCapitalize="none" spellCheck={false} />
      <Input label="Environments" name="environment" defaultValue="*" required error={errors.get("environment") ?? null} autoCapitalize="none" spellCheck={false} />
    </>
  );
}
