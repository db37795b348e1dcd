import { connect } from "../protocol/rpc";
import type { WorkerApi } from "../protocol/api";
import { processChannel } from "./process";
import { jobs } from "./jobs";
import { planner } from "./planner";
import { viewer } from "./viewer";

/** Entry of a worker process: answers calls over the IPC channel and dies with the host. */
connect<object, WorkerApi>(processChannel(process), { ...viewer(), ...planner(), ...jobs() });
process.on("disconnect", () => process.exit(0));
