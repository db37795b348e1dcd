import type { TuningDone } from "../protocol/api";
import type { TrainingCourse } from "../protocol/page";

/** Points that a line keeps; with twice as many every other one goes. */
const MOST = { losses: 200, held: 60 };

/** The course of a training one step on. One that goes on from a checkpoint takes the place of what was behind that. */
export function follow(course: TrainingCourse | undefined, { step, loss, held, first, best, samples = course?.samples }: TuningDone): TrainingCourse {
  const losses = [...(course?.losses ?? []).filter(([at]) => at < step), [step, loss] as [number, number]], looks = (course?.held ?? []).filter(({ step: at }) => at < step);
  if (held) looks.push({ ...held, step });
  const bestLook = looks.find(({ loss }) => loss === best.loss);
  return { losses: thinned(losses, MOST.losses), held: thinned(looks, MOST.held, (look) => look === bestLook), first, best: { ...best, step: bestLook?.step ?? (best.loss === first.loss ? 0 : course?.best.step) }, ...(samples !== undefined && { samples }) };
}

/** Every other point where there are twice as many as are kept, the last one and special ones always. */
function thinned<Point>(points: Point[], most: number, isSpecial: (point: Point) => boolean = () => false): Point[] {
  return points.length < 2 * most ? points : points.filter((point, i) => i % 2 === 0 || i === points.length - 1 || isSpecial(point));
}
