/** Operators that compute each element from the elements at the same place, over inputs that broadcast. */
const ELEMENTWISE = new Set([
  ...["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Mod"],
  ...["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or", "Xor", "Not", "Where"],
  ...["Abs", "Neg", "Sign", "Sqrt", "Exp", "Log", "Reciprocal", "Erf", "Sigmoid", "Tanh", "Relu", "Elu", "Selu"],
  ...["Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh", "Softplus"],
  ...["Ceil", "Floor", "Round", "LeakyRelu", "Clip", "Cast", "IsNaN", "IsInf"],
]);

/** Whether an operator works element by element. */
export function isElementwise(op: string): boolean {
  return ELEMENTWISE.has(op);
}
