package collectors.bench;

/** What a prediction came to with a collector. */
enum Outcome {
    COLLECTED,
    NOT_SAMPLED,
    WORKFLOW_EMPTY
}
