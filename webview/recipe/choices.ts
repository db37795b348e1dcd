import type { PlanPoint } from "../../src/protocol/plan";
import type { LayerSetting } from "../../src/protocol/recipe-page";
import * as format from "../format";
import { t } from "../l10n";
import { choiceParts } from "./choice-text";
import { openChooser } from "./chooser";
import { choiceOf, type Plans } from "./plans";
import { sharedText } from "./step-text";

interface Choosing { plans: Plans; /** The plan that the layer's choice is another one in. */ point: PlanPoint; at: number; setting: LayerSetting | undefined; /** Back to what the target asks for. */ free(): void; fix(choice: number): void }

/** All that a layer can become, with what each takes and how it changes the prediction, under an element. */
export function openChoices({ plans, point, at, setting, free, fix }: Choosing, under: HTMLElement): void {
  const { layers, prediction } = plans.facts, layer = layers[at], { choices, label } = layer, now = choices[point.choices[at]], fixed = setting?.method !== undefined && setting.options ? choiceOf(layer, setting.method, setting.options) : setting?.pin === "leave" ? choices.length - 1 : undefined;
  const quality = plans.quality(point.loss), isShare = prediction.of === "agreement", sizes = choices.map((_, i) => plans.with(point, at, i));
  const cost = (loss: number): string => { const by = plans.quality(Math.max(0, point.loss - now.loss + loss)) - quality, value = isShare ? 100 * by : by; return Math.abs(value) < 0.005 ? "" : `${value > 0 ? "+" : ""}${isShare ? t("{0} points", format.hundredths(value)) : t("{0} dB", format.hundredths(value))}`; };
  openChooser(t("Method of {0}", label), [
    { text: t("Automatic"), note: t("as the target asks"), chosen: fixed === undefined, act: free },
    ...choices.map((choice, i) => ({ text: choice.method === undefined ? t("Leave Alone") : choiceParts(choice).join(" · "), note: [t("{0} bits", format.hundredths(sizes[i].bits)), format.bytes(sizes[i].bytes), cost(choice.loss)].filter(Boolean).join(" · "), chosen: i === fixed, act: () => fix(i) })),
  ], under, sharedText());
}
