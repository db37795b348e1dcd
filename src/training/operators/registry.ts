import type { Operator } from "../operator";
import { clip, exp, hardSigmoid, hardSwish, leakyRelu, log, logSoftmax, negate, relu, sigmoid, softmax, sqrt, tanh } from "./activations";
import { convolution } from "./convolution";
import { add, divide, multiply, subtract } from "./elementwise";
import { gemm, matMul } from "./linear";
import { batchNormalization } from "./normalization";
import { averagePool, maxPool } from "./pooling";
import { SIMULATED, simulatedQuantization } from "./quantization";
import { globalAveragePool, reduceMean, reduceSum } from "./reduction";
import { concat, flatten, gather, pad, reshape, resize, slice, split, transpose } from "./shape";

/** Operators that gradients come back through. To add one, write it in the file of its family and name it here. */
export const OPERATORS: ReadonlyMap<string, Operator> = new Map<string, Operator>(Object.entries({
  Add: add, Sum: add, Sub: subtract, Mul: multiply, Div: divide,
  Relu: relu, LeakyRelu: leakyRelu, Clip: clip, Sigmoid: sigmoid, HardSigmoid: hardSigmoid, HardSwish: hardSwish, Tanh: tanh, Exp: exp, Log: log, Sqrt: sqrt, Neg: negate,
  Softmax: softmax, LogSoftmax: logSoftmax,
  Conv: convolution, Gemm: gemm, MatMul: matMul, BatchNormalization: batchNormalization,
  MaxPool: maxPool, AveragePool: averagePool, GlobalAveragePool: globalAveragePool, ReduceMean: reduceMean, ReduceSum: reduceSum,
  Reshape: reshape, Flatten: flatten, Squeeze: reshape, Unsqueeze: reshape, Transpose: transpose, Concat: concat, Split: split, Slice: slice, Pad: pad, Resize: resize, Gather: gather,
  [SIMULATED]: simulatedQuantization,
}));
