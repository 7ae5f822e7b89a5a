package collectors.connect;

/** When the next request may be sent: so many a second, evenly spaced, and none before a time that the destination asked for. */
final class Pace {
    private final long spacingNanos;
    private long nextNanos;

    /** So many requests a second; 0: as many as there are. */
    Pace(double requestsPerSecond, long nowNanos) {
        spacingNanos = requestsPerSecond > 0 ? (long) (1e9 / requestsPerSecond) : 0;
        nextNanos = nowNanos;
    }

    /** Nanoseconds until a request may be sent; 0: now. */
    long waitNanos(long nowNanos) {
        return Math.max(0, nextNanos - nowNanos);
    }

    /** A request is sent. */
    void sent(long nowNanos) {
        nextNanos = Math.max(nextNanos, nowNanos) + spacingNanos;
    }

    /** No request for so long. */
    void hold(long nowNanos, long forNanos) {
        nextNanos = Math.max(nextNanos, nowNanos + forNanos);
    }
}
