export {
  connectSimulator,
  type NewPerson,
  type SimulatedAuth,
  type SimulatedUser,
  type Simulator,
  SimulatorRefusal,
} from "./simulator/connect-simulator.ts";
