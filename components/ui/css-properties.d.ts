import "react";

/** Sizes and shares reach the style sheet as custom properties: the policy allows no other inline style. */
declare module "react" {
  interface CSSProperties {
    [property: `--${string}`]: string | number | undefined;
  }
}
