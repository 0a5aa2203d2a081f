"use client";

import { useLayoutEffect, useRef, useState } from "react";
import type { RefObject } from "react";

/** The width in CSS px of the element that carries the ref; `assumed` until it is measured, and on the server. */
export function useWidth<T extends HTMLElement>(assumed: number): [RefObject<T | null>, number] {
  const ref = useRef<T>(null);
  const [width, setWidth] = useState(assumed);
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return;
    // While hidden it has no width; what is drawn then would only be thrown away.
    const measure = () => {
      if (element.clientWidth > 0) setWidth(element.clientWidth);
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [ref, width];
}
