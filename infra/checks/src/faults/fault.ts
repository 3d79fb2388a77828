import type { GateName } from "../gates.ts";

/** A change to one file of a working tree; `from` must be there, so that a fault cannot silently stop being one. */
export type Change =
  | { file: string; text: string }
  | { file: string; from: string; to: string }
  | { file: string; append: string };

/** A fault that one gate must find. */
export interface Fault {
  gate: GateName;
  name: string;
  changes: Change[];
  /** Arguments that narrow the gate to what was changed, where a look at everything takes long and finds the same. */
  narrow?: string[];
  /** What the gate must say because of the fault; all of it, and none of it without the fault. */
  says: string[];
}
