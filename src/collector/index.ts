/** The catalogue: a collector is one file and one line here. */
export * as Orchestrator from "./Orchestrator.ts"
export * as Containers from "./Containers.ts"
export * as Disk from "./Disk.ts"
