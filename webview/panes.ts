const FOCUSABLE = "[tabindex='0'], a[href], button:not([disabled]), select, input, vscode-button:not([disabled]), vscode-dropdown, vscode-text-field";

/**
 * F6 goes to the next pane that takes the focus, Shift+F6 to the one before; from the last one the key goes on to VS Code, which leaves the editor.
 * @param panes in the order of reading
 */
export function walkPanes(event: KeyboardEvent, panes: readonly HTMLElement[]): void {
  if (event.key !== "F6") return;
  const stops = panes.flatMap((pane) => {
    const first = [pane, ...pane.querySelectorAll<HTMLElement>(FOCUSABLE)].find((element) => element.matches(FOCUSABLE) && element.offsetParent !== null && getComputedStyle(element).visibility === "visible");
    return first ? [{ pane, first }] : [];
  });
  const at = stops.findIndex(({ pane }) => pane.contains(document.activeElement));
  const next = at < 0 ? stops[event.shiftKey ? stops.length - 1 : 0] : stops[event.shiftKey ? at - 1 : at + 1];
  if (!next) return;
  next.first.focus();
  event.preventDefault();
  event.stopPropagation();
}
