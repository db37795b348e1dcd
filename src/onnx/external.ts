import { KernelscopeError } from "../protocol/errors";
import type { ByteSource, ExternalFiles } from "./bytes";

/**
 * Checks by its words alone that an external data location stays in the model's folder. A symbolic link is for the one who opens the file.
 * @throws KernelscopeError "external-data" for absolute locations and for ".."
 */
export function checkLocation(location: string): void {
  const parts = location.split(/[\\/]/);
  if (parts[0] === "" || /^[A-Za-z]:/.test(location) || location.includes("\0") || parts.includes("..")) {
    throw new KernelscopeError("external-data", `The model points to weights outside its folder (${JSON.stringify(location)}). That is refused: put the weights file beside the model and export it again.`);
  }
}

/** Opens a model's external data file. @throws KernelscopeError "external-data" */
export async function openExternal(external: ExternalFiles | undefined, location: string): Promise<ByteSource> {
  checkLocation(location);
  if (!external) throw new KernelscopeError("external-data", `The model's weights are in another file, ${location}, which was not given. Put it beside the model.`);
  return external.open(location);
}
