import { expect, test } from "vitest";
import { parsePruning } from "../../../src/protocol/pruning";

test.each([["25%", { compute: 0.25 }], ["0.4", { compute: 0.4 }], [" 12.5 %", { compute: 0.125 }], ["auto", "auto"], ["no", false]])("%s is how much less to compute", (text, wanted) => expect(parsePruning(text)).toEqual(wanted));

test.each(["", "25", "0", "99%", "-5%", "a quarter", "1.2.3"])('"%s" is refused', (text) => expect(() => parsePruning(text)).toThrow(/^--prune .*: write how much less is to be computed, like 25%, auto or no/));
