/** The catalogue: a collector is one file and one line here. */
export * as Orchestrator from "./Orchestrator.ts"
export * as Containers from "./Containers.ts"
export * as Disk from "./Disk.ts"
export * as Dependencies from "./Dependencies.ts"
export * as Memory from "./Memory.ts"
export * as Load from "./Load.ts"
export * as Pressure from "./Pressure.ts"
