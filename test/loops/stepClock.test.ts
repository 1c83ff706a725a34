import { StepClock } from "../../src/loops/stepClock.js";

/** A clock over a time that the test moves. */
function clockAt(time: { now: number }): StepClock {
  return new StepClock(() => time.now);
}

test("steps per second and the shares of the time leave out the first fifty steps", async () => {
  const time = { now: 1 };
  const clock = clockAt(time);
  const spend = (share: "data" | "step", milliseconds: number): Promise<void> =>
    clock.measure(share, () => {
      time.now += milliseconds;
      return Promise.resolve();
    });
  const step = async (data: number, run: number, rest: number): Promise<void> => {
    await spend("data", data);
    await spend("step", run);
    time.now += rest;
    clock.tick();
  };
  for (let i = 0; i < 50; i += 1) await step(100, 100, 100);
  expect(clock.stepsPerSecond).toBeNull();
  expect(clock.shares).toBeNull();
  for (let i = 0; i < 10; i += 1) await step(1, 7, 2);
  expect(clock.stepsPerSecond).toBeCloseTo(100, 10); // 10 steps in 100 ms
  expect(clock.shares?.data).toBeCloseTo(0.1, 10);
  expect(clock.shares?.step).toBeCloseTo(0.7, 10);
});

test("what fails is counted too, and fails", async () => {
  const time = { now: 1 };
  const clock = clockAt(time);
  for (let i = 0; i < 50; i += 1) clock.tick();
  const failing = clock.measure("step", () => {
    time.now += 5;
    return Promise.reject(new Error("no"));
  });
  await expect(failing).rejects.toThrow("no");
  time.now += 5;
  clock.tick();
  expect(clock.shares).toEqual({ data: 0, step: 0.5 });
});
