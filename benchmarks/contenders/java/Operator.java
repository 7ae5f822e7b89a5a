package collectors.bench;

/** What a node of a workflow does: let the whole prediction pass, or nothing of it. */
interface Operator {
    boolean passes(Prediction prediction);

    /** What a prediction comes to that does not pass. */
    Outcome otherwise();

    /** The largest value is below a threshold. */
    record MaxProbability(float threshold) implements Operator {
        @Override
        public boolean passes(Prediction prediction) {
            return prediction.largest() < threshold;
        }

        @Override
        public Outcome otherwise() {
            return Outcome.WORKFLOW_EMPTY;
        }
    }

    /** A share, chosen by a hash of the prediction's id. */
    record RandomSample(int group, long salt, long limit) implements Operator {
        @Override
        public boolean passes(Prediction prediction) {
            return Long.compareUnsigned(prediction.draw(group) + salt, limit) < 0;
        }

        @Override
        public Outcome otherwise() {
            return Outcome.NOT_SAMPLED;
        }
    }
}
