import { Generator, LightningDataModule, DataLoader, Subset, TensorDataset, float32Tensor } from "ltrain";
import { labelColumn } from "ltrain/data";

/** Two spirals of points in a plane: a stand-in for data of your own. Its arguments stand in config.yaml, under data. */
export class Spirals extends LightningDataModule {
  readonly #batchSize: number;
  readonly #points: number;
  readonly #noise: number;
  #dataset: TensorDataset | null = null;

  constructor({ batch_size = 32, points = 1000, noise = 0.05 } = {}) {
    super();
    this.saveHyperparameters({ batch_size, points, noise });
    this.#batchSize = batch_size;
    this.#points = points;
    this.#noise = noise;
  }

  /** Called once before the loaders are asked for: read files here. */
  override setup(): void {
    const random = new Generator(0); // the same points in every run
    const points = new Float32Array(2 * this.#points);
    const classes = new Uint8Array(this.#points);
    for (let i = 0; i < this.#points; i += 1) {
      const which = i % 2;
      const along = random.float64();
      const angle = along * 3 * Math.PI + which * Math.PI;
      points[2 * i] = along * Math.cos(angle) + this.#noise * (random.float64() - 0.5);
      points[2 * i + 1] = along * Math.sin(angle) + this.#noise * (random.float64() - 0.5);
      classes[i] = which;
    }
    this.#dataset = new TensorDataset(
      float32Tensor(points, [this.#points, 2]),
      labelColumn({ dtype: "uint8", shape: [this.#points], bytes: classes }),
    );
  }

  override trainDataloader(): DataLoader {
    const { train } = this.#split();
    return new DataLoader(train, { batchSize: this.#batchSize, shuffle: true });
  }

  override valDataloader(): DataLoader {
    return new DataLoader(this.#split().val, { batchSize: this.#batchSize });
  }

  /** Every fifth point is kept for validation. */
  #split(): { readonly train: Subset; readonly val: Subset } {
    if (this.#dataset === null) throw new Error("setup comes first");
    const rows = Array.from({ length: this.#points }, (_, row) => row);
    return {
      train: new Subset(
        this.#dataset,
        rows.filter((row) => row % 10 < 8),
      ),
      val: new Subset(
        this.#dataset,
        rows.filter((row) => row % 10 >= 8),
      ),
    };
  }
}
