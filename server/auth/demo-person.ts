/** The one person of a demo. Its row is made when a demo starts, and nowhere else. */
export const DEMO_PERSON_ID = "00000000-0000-4000-8000-000000000002";
