/**
 * What the Docker Engine API (v1.41, as Docker and Podman speak it) answers, as far as the agent reads it. Every field
 * may be missing or null: two engines and ten years of versions answer here.
 */
export interface ListedContainer {
  Id: string;
  Names?: string[] | null;
  Image?: string;
  ImageID?: string;
  State?: string;
  Status?: string;
  Labels?: Record<string, string> | null;
  Created?: number;
}

export interface HealthConfig {
  Test?: string[] | null;
  Interval?: number;
  Timeout?: number;
  Retries?: number;
  StartPeriod?: number;
}

/** The part of a container's or an image's configuration that an image gives defaults for. */
export interface RunConfig {
  Hostname?: string;
  Domainname?: string;
  User?: string;
  ExposedPorts?: Record<string, object> | null;
  Tty?: boolean;
  OpenStdin?: boolean;
  StdinOnce?: boolean;
  AttachStdin?: boolean;
  AttachStdout?: boolean;
  AttachStderr?: boolean;
  Env?: string[] | null;
  Cmd?: string[] | null;
  Entrypoint?: string[] | string | null;
  Image?: string;
  Volumes?: Record<string, object> | null;
  WorkingDir?: string;
  Labels?: Record<string, string> | null;
  Healthcheck?: HealthConfig | null;
  StopSignal?: string;
  StopTimeout?: number | null;
  Shell?: string[] | null;
  MacAddress?: string;
}

export interface Endpoint {
  IPAMConfig?: { IPv4Address?: string; IPv6Address?: string; LinkLocalIPs?: string[] } | null;
  Links?: string[] | null;
  Aliases?: string[] | null;
  DriverOpts?: Record<string, string> | null;
  IPAddress?: string;
  MacAddress?: string;
}

export interface MountPoint {
  Type?: string;
  Name?: string;
  Source?: string;
  Destination: string;
  RW?: boolean;
}

/** Carried over as it is, apart from the fields that `carry-over.ts` names; hence open. */
export interface HostConfig {
  AutoRemove?: boolean;
  Binds?: string[] | null;
  Mounts?: { Target?: string }[] | null;
  NetworkMode?: string;
  PortBindings?: Record<string, { HostIp?: string; HostPort?: string }[] | null> | null;
  RestartPolicy?: { Name?: string; MaximumRetryCount?: number };
  Links?: string[] | null;
  Ulimits?: { Name: string; Soft: number; Hard: number }[] | null;
  Privileged?: boolean;
  [field: string]: unknown;
}

export interface ContainerState {
  Status?: string;
  Running?: boolean;
  Paused?: boolean;
  Restarting?: boolean;
  OOMKilled?: boolean;
  Dead?: boolean;
  Pid?: number;
  ExitCode?: number;
  Error?: string;
  StartedAt?: string;
  FinishedAt?: string;
  Health?: { Status?: string; FailingStreak?: number; Log?: { ExitCode?: number; Output?: string }[] | null } | null;
}

export interface InspectedContainer {
  Id: string;
  Name: string;
  Created?: string;
  Image: string;
  State: ContainerState;
  RestartCount?: number;
  HostConfig: HostConfig;
  Config: RunConfig;
  Mounts?: MountPoint[] | null;
  NetworkSettings?: { Networks?: Record<string, Endpoint> | null } | null;
}

export interface InspectedImage {
  Id: string;
  RepoTags?: string[] | null;
  RepoDigests?: string[] | null;
  Config?: RunConfig | null;
  Descriptor?: { mediaType?: string; digest?: string } | null;
  RootFS?: { Layers?: string[] | null } | null;
}

export interface FileChange {
  Path: string;
  /** 0 modified, 1 added, 2 deleted. */
  Kind: number;
}

export interface EngineEvent {
  Type?: string;
  Action?: string;
  status?: string;
  id?: string;
  Actor?: { ID?: string; Attributes?: Record<string, string> | null } | null;
  time?: number;
  timeNano?: number;
}
