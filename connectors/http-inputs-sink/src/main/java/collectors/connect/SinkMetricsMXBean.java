package collectors.connect;

/** What JMX shows of a task, as {@code collectors.connect:type=inputs-sink,connector=…,task=…}; counts are since the task started. */
public interface SinkMetricsMXBean {
    /** Inputs that the destination took. */
    long getDelivered();

    /** Inputs that the destination had already. */
    long getDuplicates();

    /** Inputs that went to the dead letters. */
    long getRefused();

    /** Requests that were sent. */
    long getRequests();

    /** Requests that had to be sent again. */
    long getRetries();

    /** Requests that were refused whole and sent again in halves. */
    long getHalved();

    /** Requests without an answer yet. */
    long getInFlight();

    /** Bytes that are held for inputs that are not delivered yet. */
    long getBytesHeld();

    /** What the last request that failed was told; empty once one did. */
    String getLastError();
}
