import { signOutByForm } from "@/server/auth/sign-out";

export const POST = signOutByForm;
