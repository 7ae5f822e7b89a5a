package collectors.connect;

import java.time.Duration;
import java.util.random.RandomGenerator;

/**
 * How long to wait before trying again: doubled with every attempt up to a limit, and between half and all of that by chance, so that those
 * who failed together do not come back together.
 */
record Backoff(Duration first, Duration max, RandomGenerator random) {
    private static final int DOUBLINGS_MAX = 20;
    /** Those who were told the same time are spread over a little more than that. */
    private static final double SPREAD = 0.1;

    /**
     * The wait.
     *
     * @param attempts made in vain since the last one that did
     * @param asked what the destination asked for; null: nothing
     */
    Duration after(int attempts, Duration asked) {
        double doubled = first.toMillis() * (double) (1L << Math.min(attempts, DOUBLINGS_MAX));
        double own = Math.min(max.toMillis(), doubled) * random.nextDouble(0.5, 1);
        return asked == null ? Duration.ofMillis((long) own) : asked.plusMillis((long) (own * SPREAD));
    }
}
