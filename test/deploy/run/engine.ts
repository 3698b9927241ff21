/** What starts the containers. */
export type Engine = {
  readonly name: string;
  /** The environment in which the command `docker` runs containers with this engine. */
  readonly env: NodeJS.ProcessEnv;
  /** The services that this engine has no image for: they are left out, and the report says so. */
  readonly leftOut: readonly string[];
  /** What this engine has to change in services, as fields of a compose file. */
  readonly changes: Readonly<Record<string, object>>;
  /** What stands in for a published image: lines for the report. */
  readonly standIns: readonly string[];
  readonly close: () => void;
};

export const say = (line: string): void => { process.stdout.write(`${line}\n`); };
