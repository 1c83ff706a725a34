import { defaultGenerator, normal_, uniform_ } from "../tensor/generator.js";

/** The fans of a weight: how many inputs reach one output, how many outputs one input reaches. */
function fansOf(shape: readonly number[]): { readonly fanIn: number; readonly fanOut: number } {
  const [out = 1, into = 1, ...kernel] = shape;
  const field = kernel.reduce((product, size) => product * size, 1);
  return { fanIn: into * field, fanOut: out * field };
}

function numel(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** `torch.nn.init.kaiming_uniform_(a)` for leaky ReLU: U(±√3·gain/√fan_in), the bound computed in torch's order. */
export function kaimingUniform(shape: readonly number[], a = 0): Float32Array {
  const gain = Math.sqrt(2 / (1 + a ** 2));
  const bound = Math.sqrt(3) * (gain / Math.sqrt(fansOf(shape).fanIn));
  return uniform_(defaultGenerator, numel(shape), -bound, bound);
}

/** `torch.nn.init.kaiming_normal_(a)`: N(0, gain/√fan_in). */
export function kaimingNormal(shape: readonly number[], a = 0): Float32Array {
  const std = Math.sqrt(2 / (1 + a ** 2)) / Math.sqrt(fansOf(shape).fanIn);
  return normal_(defaultGenerator, numel(shape), 0, std);
}

/** `torch.nn.init.xavier_uniform_(gain)`: U(±√3·gain·√(2/(fan_in+fan_out))). */
export function xavierUniform(shape: readonly number[], gain = 1): Float32Array {
  const { fanIn, fanOut } = fansOf(shape);
  const bound = Math.sqrt(3) * (gain * Math.sqrt(2 / (fanIn + fanOut)));
  return uniform_(defaultGenerator, numel(shape), -bound, bound);
}

/** `torch.nn.init.xavier_normal_(gain)`: N(0, gain·√(2/(fan_in+fan_out))). */
export function xavierNormal(shape: readonly number[], gain = 1): Float32Array {
  const { fanIn, fanOut } = fansOf(shape);
  return normal_(defaultGenerator, numel(shape), 0, gain * Math.sqrt(2 / (fanIn + fanOut)));
}
