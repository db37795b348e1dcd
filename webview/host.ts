import type { HostApi, PageApi, PageStart } from "../src/protocol/page";
import { connect, type Methods } from "../src/protocol/rpc";

/** The page's line to the extension host, and the state that VS Code keeps for it. */

interface VsCodeApi { postMessage(message: unknown): void; getState(): unknown; setState(state: unknown): void }
declare function acquireVsCodeApi(): VsCodeApi;

const vscode = acquireVsCodeApi();

export const start: PageStart = JSON.parse(document.body.dataset.start ?? "{}") as PageStart;

/** Joins a model's page to its host; `ours` answers the host's calls. */
export const connectHost = (ours: Methods<PageApi>): HostApi => connectTo<HostApi, PageApi>(ours);

/** Joins a page to its host; `ours` answers the host's calls. */
export function connectTo<Theirs extends object, Ours extends object>(ours: Methods<Ours>): Theirs {
  return connect<Theirs, Ours>({
    post: (message) => vscode.postMessage(message),
    listen: (receive) => {
      const listener = (event: MessageEvent<unknown>) => receive(event.data);
      window.addEventListener("message", listener);
      return () => window.removeEventListener("message", listener);
    },
  }, ours).remote;
}

export const savedState = (): unknown => vscode.getState();
export const saveState = (state: unknown): void => vscode.setState(state);
