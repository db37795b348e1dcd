import { expect, test } from "vitest";
import { Visits } from "../../../webview/history";

test("back and forward, and a new place forgets what lay ahead", () => {
  const visits = new Visits<string>((a, b) => a === b);
  expect([visits.back(), visits.forward(), visits.canGoBack]).toEqual([undefined, undefined, false]);
  for (const place of ["a", "b", "b", "c"]) visits.visit(place);
  expect([visits.back(), visits.back(), visits.back()]).toEqual(["b", "a", undefined]);
  expect([visits.forward(), visits.canGoForward]).toEqual(["b", true]);
  visits.visit("d");
  expect([visits.canGoForward, visits.back(), visits.back()]).toEqual([false, "b", "a"]);
});

test("the oldest places are forgotten", () => {
  const visits = new Visits<number>((a, b) => a === b, 3);
  for (const place of [1, 2, 3, 4, 5]) visits.visit(place);
  expect([visits.back(), visits.back(), visits.back()]).toEqual([4, 3, undefined]);
});

test("what was left from inside is not gone into again on the way back", () => {
  const visits = new Visits<string>((a, b) => a === b);
  for (const place of ["a", "loop", "inner", "other"]) visits.visit(place);
  visits.returnTo("loop");
  expect([visits.back(), visits.back()]).toEqual(["a", undefined]);
  visits.returnTo("new");
  expect([visits.back(), visits.canGoBack]).toEqual(["a", false]);
});
