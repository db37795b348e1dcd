import type { PageStart } from "../src/protocol/page";
import { connect, type Methods } from "../src/protocol/rpc";

/** The page's line to the extension host, and the state that VS Code keeps for it. */

interface VsCodeApi { postMessage(message: unknown): void; getState(): unknown; setState(state: unknown): void }
declare function acquireVsCodeApi(): VsCodeApi;

const vscode = acquireVsCodeApi();

export const start: PageStart = JSON.parse(document.body.dataset.start ?? "{}") as PageStart;

/** Joins the page to its host; `ours` answers the host's calls. */
export function connectHost<Host extends object, Ours extends object>(ours: Methods<Ours>): Host {
  return connect<Host, Ours>({
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
