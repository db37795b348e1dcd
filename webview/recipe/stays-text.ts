import type { PlanLayer } from "../../src/protocol/plan";
import { t } from "../l10n";

/** Why a layer that nobody holds stays as it is: there is nothing smaller, the limit allows it, or what a preset saves there is not worth what it loses. */
export function staysText({ bytes, choices }: Pick<PlanLayer, "bytes" | "choices">, limit: string | undefined): string {
  if (!choices.some((choice) => choice.method !== undefined && choice.bytes < bytes)) return t("Nothing that it could become is smaller.");
  return limit === undefined ? t("Nothing smaller pays here.") : t("It stays as it is, because all fits into {0} without making it smaller.", limit);
}
