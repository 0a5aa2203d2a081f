import { redirect } from "next/navigation";

/** The fleet is the front page. */
export default function HomePage(): never {
  redirect("/fleet");
}
