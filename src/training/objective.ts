import { countOf, type GraphBuilder, type Value } from "./graph";

/** What training brings down. */
export type Objective =
  /** Kullback-Leibler divergence from the original's predictions, softened by a temperature; with labels also their cross-entropy, `labels` its share. */
  | { kind: "distillation"; temperature: number; labels?: number }
  /** Squared error against the original's outputs, as a share of their energy. */
  | { kind: "squaredError" }
  /** Cross-entropy of labels alone. */
  | { kind: "labels" };

export interface Loss {
  /** One number, the mean over the samples. */
  loss: Value;
  /** The gradient of each output. */
  gradients: Value[];
}

/** Names of what comes in beside the samples. */
export const teacherInput = (output: number): string => `teacher ${output}`;
/** Classes as rows with a single one. */
export const LABELS = "labels";

/** The loss of a network's outputs, and its gradients. Outputs of classifiers are logits [N, classes]. */
export function lossOf(g: GraphBuilder, outputs: readonly Value[], objective: Objective): Loss {
  if (objective.kind === "squaredError") return squaredError(g, outputs);
  const [logits] = outputs, n = logits.dims[0];
  if (objective.kind === "labels") return crossEntropy(g, logits, g.input(LABELS, logits.dims), 1 / n);
  const { temperature, labels: share = 0 } = objective, soft = divergence(g, logits, g.input(teacherInput(0), logits.dims), temperature, (1 - share) / n);
  if (!share) return soft;
  const hard = crossEntropy(g, logits, g.input(LABELS, logits.dims), share / n);
  return { loss: g.plus(soft.loss, hard.loss), gradients: [g.plus(soft.gradients[0], hard.gradients[0])] };
}

/** T²·KL(softmax(t/T) ‖ softmax(s/T)): its gradient T·(softmax(s/T) − softmax(t/T)) keeps its size whatever T is. */
function divergence(g: GraphBuilder, student: Value, teacher: Value, temperature: number, weight: number): Loss {
  const logS = g.unary("LogSoftmax", g.scaled(g.plain(student), 1 / temperature), { axis: -1 }), logT = g.unary("LogSoftmax", g.scaled(teacher, 1 / temperature), { axis: -1 });
  const t = g.unary("Exp", logT), s = g.unary("Exp", logS);
  return {
    loss: total(g, g.multiply(t, g.subtract(logT, logS)), weight * temperature ** 2),
    gradients: [g.scaled(g.subtract(s, t), weight * temperature)],
  };
}

function crossEntropy(g: GraphBuilder, logits: Value, labels: Value, weight: number): Loss {
  const log = g.unary("LogSoftmax", g.plain(logits), { axis: -1 });
  return { loss: total(g, g.multiply(labels, log), -weight), gradients: [g.scaled(g.subtract(g.unary("Exp", log), labels), weight)] };
}

function squaredError(g: GraphBuilder, outputs: readonly Value[]): Loss {
  const losses = outputs.map((output, i) => {
    const y = g.plain(output), teacher = g.input(teacherInput(i), y.dims), error = g.subtract(y, teacher);
    const energy = g.plus(total(g, g.multiply(teacher, teacher), 1), g.scalar(1e-12)), share = g.divide(g.scalar(1), energy);
    return { loss: g.multiply(total(g, g.multiply(error, error), 1), share), gradient: g.multiply(error, g.scaled(share, 2)) };
  });
  return { loss: losses.map(({ loss }) => loss).reduce((a, b) => g.plus(a, b)), gradients: losses.map(({ gradient }) => gradient) };
}

/** The weighted sum of all elements. */
function total(g: GraphBuilder, x: Value, weight: number): Value {
  return g.scaled(g.reshape(g.sum(g.reshape(x, [countOf(x.dims)]), [0]), []), weight);
}
