/** A float as Python prints it: 1e-08, 0.001, 10.0, inf. */
export function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0.0";
  const [mantissa = "", exponentText = "0"] = value.toExponential().split("e");
  const exponent = Number(exponentText);
  if (exponent >= -4 && exponent < 16) {
    // JavaScript writes out what Python does, but for the ".0".
    const text = String(value);
    return text.includes(".") ? text : `${text}.0`;
  }
  return `${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

/** A complex number as Python prints it: (1+2j), 2j where the real part is 0. */
export function pythonComplex(real: number, imag: number): string {
  const [left, right] = [complexPart(real), complexPart(imag)];
  if (real === 0 && !Object.is(real, -0)) return `${right}j`;
  return `(${left}${right.startsWith("-") ? "" : "+"}${right}j)`;
}

/** Inside a complex number Python leaves out the ".0". */
function complexPart(value: number): string {
  return pythonFloat(value).replace(/\.0$/, "");
}
