export { Agent, type AgentDeps } from "./core/agent.js";
export * from "./core/ports.js";
export { type DeviceKey, Session } from "./core/session.js";
export { AGENT_DEFAULTS, type AgentSettings } from "./core/settings.js";
export * from "./errors.js";
