import { cva } from "class-variance-authority";
import Link from "next/link";
import { useId } from "react";
import type { ComponentProps } from "react";
import { cx } from "./cx";

const button = cva("btn", {
  variants: {
    look: { plain: "", act: "btn-act", quiet: "btn-quiet" },
    size: { small: "btn-small", normal: "", large: "btn-large" },
  },
  defaultVariants: { look: "plain", size: "normal" },
});

interface Look {
  /** `act` is ink: at most one a page. */
  look?: "plain" | "act" | "quiet";
  size?: "small" | "normal" | "large";
}

export interface ButtonProps extends ComponentProps<"button">, Look {
  /** Disables it and says why; there is no inert button without a reason. It keeps its focus, so that the reason is heard. */
  disabledReason?: string | null;
}

/** A button. Ink for the page's one act; never red: the safe way out must not compete with the alert. */
export function Button({ look, size, disabledReason, className, children, onClick, type = "button", ...rest }: ButtonProps) {
  const id = useId();
  if (!disabledReason) {
    return (
      <button type={type} className={cx(button({ look, size }), className)} onClick={onClick} {...rest}>
        {children}
      </button>
    );
  }
  return (
    <span className="btn-why">
      <button {...rest} type="button" className={cx(button({ look, size }), className)} aria-disabled="true" aria-describedby={id}>
        {children}
      </button>
      <span className="why" id={id}>
        {disabledReason}
      </span>
    </span>
  );
}

export interface ButtonLinkProps extends Omit<ComponentProps<typeof Link>, "href">, Look {
  href: string;
}

/** A link that looks like a button, for going somewhere. */
export function ButtonLink({ look, size, className, ...rest }: ButtonLinkProps) {
  return <Link className={cx(button({ look, size }), className)} {...rest} />;
}
