import { DEVICES, isDevice, type Device } from "../src/protocol/api";

/** What is given to a bench's --device. @throws where there is no device of this name */
export function deviceNamed(name: string | undefined): Device | undefined {
  if (name === undefined || isDevice(name)) return name;
  throw new Error(`--device is one of ${DEVICES.join(", ")}.`);
}
