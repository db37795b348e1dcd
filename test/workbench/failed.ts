import { afterEach } from "vitest";
import { Workbench } from "./workbench";

/** What a window showed when a test of it failed is told and kept as a picture: of a run elsewhere there is nothing else to look at. */
afterEach(async ({ task }) => {
  if (task.result?.state !== "fail") return;
  for (const workbench of Workbench.all) console.log(`${task.name}\n${await workbench.seen(`failed-${task.name.slice(0, 60).replace(/\W+/g, "-")}`)}`);
});
