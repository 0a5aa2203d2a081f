import { refuseUnknownRoute } from "@/server/http/unknown-route";

export const GET = refuseUnknownRoute;
export const POST = refuseUnknownRoute;
export const PUT = refuseUnknownRoute;
export const PATCH = refuseUnknownRoute;
export const DELETE = refuseUnknownRoute;
