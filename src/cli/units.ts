const STEPS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** Bytes in the largest unit that leaves at least one: 392 B, 13.1 KiB, 2.0 GiB. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let step = 0;
  while (value >= 1024 && step < STEPS.length - 1) {
    value /= 1024;
    step += 1;
  }
  return `${step === 0 ? value : value.toFixed(1)} ${STEPS[step] ?? ""}`;
}

/** A count with its thousands apart: 1,234,567. */
export function formatCount(count: number): string {
  let text = String(count);
  for (let at = text.length - 3; at > 0; at -= 3) text = `${text.slice(0, at)},${text.slice(at)}`;
  return text;
}

/** "1 tensor", "8 tensors". */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${count === 1 ? noun : `${noun}s`}`;
}

/** A moment in milliseconds since 1970 as 2026-03-01 14:05, where the reader is. */
export function formatDate(milliseconds: number): string {
  const date = new Date(milliseconds);
  const two = (number: number): string => String(number).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

const FLOP_UNITS = ["", "K", "M", "G", "T", "P"] as const;

/** Floating point operations with three digits: "318 MFLOPs". */
export function formatFlops(flops: number): string {
  let [value, unit] = [flops, 0];
  while (value >= 999.5 && unit < FLOP_UNITS.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${unit === 0 ? value : Number(value.toPrecision(3))} ${FLOP_UNITS[unit] ?? ""}FLOPs`;
}
