import { exponentialDigits, fixedDigits } from "../pickle/pythonDigits.js";
import type { Item } from "./shownItems.js";

/** torch's rule for the shape of a tensor's numbers (torch/_tensor_str.py, _Formatter): one for all that are shown. */
export class NumberFormatter {
  readonly width: number;
  readonly #isInteger: boolean;
  readonly #precision: number;
  readonly #isWhole: boolean = true;
  readonly #isScientific: boolean = false;

  /** `isInteger`: of an integer dtype or bool, where the numbers are written as they are. */
  constructor(items: readonly Item[], isInteger: boolean, precision: number) {
    this.#isInteger = isInteger;
    this.#precision = precision;
    if (isInteger) {
      this.width = items.reduce<number>((width, item) => Math.max(width, wordOf(item).length), 1);
      return;
    }
    const finite = items.map(Number).filter((value) => Number.isFinite(value) && value !== 0);
    if (finite.length === 0) {
      this.width = 1;
      return;
    }
    const sizes = finite.map(Math.abs);
    const largest = sizes.reduce((a, b) => Math.max(a, b));
    const smallest = sizes.reduce((a, b) => Math.min(a, b));
    this.#isWhole = finite.every(Number.isInteger);
    this.#isScientific = largest / smallest > 1000 || largest > 1e8 || smallest < 1e-4;
    // In whole numbers the point that is added to finite ones counts.
    const point = this.#isWhole && !this.#isScientific ? 1 : 0;
    this.width = finite.reduce((width, value) => Math.max(width, this.#digits(value).length + point), 1);
  }

  format(item: Item): string {
    const text = this.#isInteger ? wordOf(item) : this.#float(Number(item));
    return text.padStart(this.width);
  }

  #float(value: number): string {
    const isPlain = this.#isWhole && !this.#isScientific && Number.isFinite(value);
    return `${this.#digits(value)}${isPlain ? "." : ""}`;
  }

  #digits(value: number): string {
    if (Number.isNaN(value)) return "nan";
    const sign = value < 0 || Object.is(value, -0) ? "-" : "";
    const size = Math.abs(value);
    if (size === Infinity) return `${sign}inf`;
    if (this.#isScientific) return sign + exponentialDigits(size, this.#precision);
    return sign + fixedDigits(size, this.#isWhole ? 0 : this.#precision);
  }
}

function wordOf(item: Item): string {
  return typeof item === "boolean" ? (item ? "True" : "False") : String(item);
}
