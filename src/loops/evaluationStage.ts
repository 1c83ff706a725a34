/** What is evaluated, by the names that Lightning has for each. */
export const EVALUATION_STAGES = {
  validation: {
    step: "validationStep",
    start: "onValidationStart",
    end: "onValidationEnd",
    epochStart: "onValidationEpochStart",
    epochEnd: "onValidationEpochEnd",
    batchStart: "onValidationBatchStart",
    batchEnd: "onValidationBatchEnd",
  },
  test: {
    step: "testStep",
    start: "onTestStart",
    end: "onTestEnd",
    epochStart: "onTestEpochStart",
    epochEnd: "onTestEpochEnd",
    batchStart: "onTestBatchStart",
    batchEnd: "onTestBatchEnd",
  },
} as const;

/** Validation, in a fit or by itself, or a test. */
export type EvaluationStage = keyof typeof EVALUATION_STAGES;
