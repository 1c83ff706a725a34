import { spawn } from "node:child_process";
import { mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lockFolder, lockOwner } from "../../src/io/folderLock.js";
import { isAlive, thisProcess } from "../../src/io/processOwner.js";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ltrain-lock-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const locks = async (): Promise<string[]> => (await readdir(folder)).sort();
const lockFile = (generation: number, owner: object): Promise<void> =>
  writeFile(join(folder, `.ltrain-lock.${generation}`), `${JSON.stringify({ ...owner, since: "then" })}\n`);

test("a folder has one owner at a time, and nothing is left when it is released", async () => {
  const lock = await lockFolder(folder);
  expect(await locks()).toEqual([".ltrain-lock.1"]);
  await expect(lockFolder(folder)).rejects.toMatchObject({
    code: "run.locked",
    message: expect.stringContaining(`another run is writing in ${folder}: process ${process.pid} on `) as string,
  });
  expect((await lockOwner(folder))?.code).toBe("run.locked");
  await lock.release();
  expect(await locks()).toEqual([]);
  expect(await lockOwner(folder)).toBeNull();
  await (await lockFolder(folder)).release();
});

test("of many who want a folder at the same moment one gets it", async () => {
  const asked = await Promise.allSettled(Array.from({ length: 20 }, () => lockFolder(folder)));
  const got = asked.filter(({ status }) => status === "fulfilled");
  expect(got).toHaveLength(1);
  expect(await locks()).toHaveLength(1);
});

test("the lock of a process that is gone is taken over, also by one of many", async () => {
  const child = spawn(process.execPath, ["-e", ""]);
  await new Promise((resolve) => child.on("close", resolve));
  await lockFile(3, { ...thisProcess(), pid: child.pid });
  expect(await lockOwner(folder)).toBeNull();
  const asked = await Promise.allSettled(Array.from({ length: 10 }, () => lockFolder(folder)));
  expect(asked.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect(await locks()).toEqual([".ltrain-lock.4"]);
});

test("a number that was given to another process since, or before the machine was started anew, owns nothing", async () => {
  const here = thisProcess();
  expect(isAlive(here)).toBe(true);
  expect(isAlive({ ...here, boot: "another" })).toBe(false);
  // Without /proc there is no telling when a process began.
  expect(isAlive({ ...here, began: "1" })).toBe(here.began === null);
  await lockFile(1, { ...here, boot: "another" });
  await (await lockFolder(folder)).release();
});

test("of another machine only its signs of life are known", async () => {
  const far = { ...thisProcess(), host: "far-away", pid: 1 };
  expect(isAlive(far)).toBeNull();
  expect(isAlive({ ...thisProcess(), namespace: "another container's" })).toBeNull();
  await lockFile(1, far);
  await expect(lockFolder(folder)).rejects.toMatchObject({
    code: "run.locked",
    message: expect.stringContaining("process 1 on far-away, since then") as string,
    hint: expect.stringContaining("two minutes") as string,
  });
  const before = new Date(Date.now() - 121_000);
  await utimes(join(folder, ".ltrain-lock.1"), before, before);
  const lock = await lockFolder(folder);
  expect(await locks()).toEqual([".ltrain-lock.2"]);
  await lock.release();
});

test("an owner gives signs of life as long as it has the folder", async () => {
  const lock = await lockFolder(folder, { signsEvery: 10 });
  const path = join(folder, ".ltrain-lock.1");
  const long = new Date(Date.now() - 10_000_000);
  await utimes(path, long, long);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const far = { ...thisProcess(), host: "far-away" };
  await expect(lockFolder(folder, { here: far })).rejects.toMatchObject({ code: "run.locked" });
  await lock.release();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await locks()).toEqual([]);
});

test("a lock that was cut short before anything stood in it holds nobody off", async () => {
  await writeFile(join(folder, ".ltrain-lock.7"), "");
  const lock = await lockFolder(folder);
  expect(await locks()).toEqual([".ltrain-lock.8"]);
  await lock.release();
});
