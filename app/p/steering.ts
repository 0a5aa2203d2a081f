/** What can be done to a rollout under way. */
export type Steering = "pause" | "resume" | "abort";

export interface SteerProps {
  rollout: {
    id: string;
    name: string;
    paused: boolean;
    /** What stopping here leaves, in words. */
    leaves: string;
    /** What was assigned before it. */
    before: string | null;
  };
  /** Why this person may not. */
  refusal: { pause: string | null; abort: string | null };
}
