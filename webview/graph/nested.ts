import { layout } from "./layout";

/** Layout of frames within frames: each is laid out by itself, then stands as one box in the one around it. */

export interface BoxInput {
  width: number;
  height: number;
  /** How far below its top a box takes edges at its sides. */
  side?: number;
  inside?: FrameInput;
}
export interface FrameInput {
  boxes: BoxInput[];
  from: number[];
  to: number[];
  /** Boxes without a size that stand for what lies above and below a frame. */
  entry?: number;
  exit?: number;
  /** The box that edges leave a frame from where it has no exit. */
  leaves?: number;
}

export interface FramePicture {
  left: Float64Array;
  top: Float64Array;
  width: Float64Array;
  height: Float64Array;
  /** Corners of the edges, see {@link layout}. */
  edges: Float64Array[];
  insides: (FramePicture | undefined)[];
  /** Size of it all, paddings included. */
  size: [number, number];
  /** The lines on which edges come into the frame and leave it. */
  ports: [number, number];
}

export const FRAME_HEAD = 26, FRAME_PAD = 20, FRAME_FOOT = 10;

export function layoutFrame(input: FrameInput, depth = 0): FramePicture {
  const { boxes, from, to, entry, exit, leaves } = input, insides = boxes.map(({ inside }) => inside && layoutFrame(inside, depth + 1));
  const left = boxes.map(({ width }, i) => insides[i]?.ports[0] ?? width / 2), right = boxes.map(({ width }, i) => (insides[i]?.size[0] ?? width) - left[i]);
  const heights = boxes.map(({ height }, i) => insides[i]?.size[1] ?? height);
  const exits = insides.map((inside) => inside && inside.ports[1] - inside.ports[0]);
  const picture = layout({ left, right, heights, from, to, sides: boxes.map(({ side }) => side), exits, entry });
  const padX = depth ? FRAME_PAD : 0, head = depth ? FRAME_HEAD : 0, foot = depth ? FRAME_FOOT : 0, last = leaves ?? boxes.length - 1;
  const lefts = Float64Array.from(boxes, (_, i) => picture.x[i] - left[i] + padX), tops = Float64Array.from(boxes, (_, i) => picture.y[i] + head);
  insides.forEach((inside, i) => inside && shift(inside, lefts[i], tops[i]));
  const port = (i: number): number => picture.x[i] + padX;
  return {
    left: lefts, top: tops, width: Float64Array.from(boxes, (_, i) => left[i] + right[i]), height: Float64Array.from(heights),
    edges: picture.edges.map((points) => points.map((v, i) => v + (i % 2 ? head : padX))), insides,
    size: [picture.width + 2 * padX, picture.height + head + foot], ports: boxes.length ? [port(entry ?? 0), exit === undefined ? port(last) + (exits[last] ?? 0) : port(exit)] : [0, 0],
  };
}

function shift(frame: FramePicture, x: number, y: number): void {
  for (let i = 0; i < frame.left.length; i++) { frame.left[i] += x; frame.top[i] += y; }
  for (const points of frame.edges) for (let i = 0; i < points.length; i++) points[i] += i % 2 ? y : x;
  for (const inside of frame.insides) if (inside) shift(inside, x, y);
}
