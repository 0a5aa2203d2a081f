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
    setWidth(element.clientWidth);
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [ref, width];
}
