package collectors.connect;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.sink.SinkRecord;

/** One record from when the worker hands it over until its offset is committed. What it holds is let go once it is dealt with. */
final class PendingInput {
    /** What the worker's objects around a record's bytes weigh: records, headers and their schemas. */
    private static final long RECORD_OVERHEAD_BYTES = 2_048;
    private static final long OFFSET_OVERHEAD_BYTES = 64;

    private final TopicPartition partition;
    private final long offset;
    private SinkRecord record;
    private Future<Void> report;

    PendingInput(SinkRecord record) {
        this.partition = new TopicPartition(record.originalTopic(), record.originalKafkaPartition());
        this.offset = record.originalKafkaOffset();
        this.record = record;
    }

    long offset() {
        return offset;
    }

    SinkRecord record() {
        return record;
    }

    TopicPartition partition() {
        return partition;
    }

    byte[] body() {
        return (byte[]) record.value();
    }

    /** The input's id as the topic has it, for matching the destination's answers; null when the record has no key. */
    byte[] id() {
        return record.key() instanceof byte[] key ? key : null;
    }

    long bytesHeld() {
        long value = record != null && record.value() instanceof byte[] bytes ? bytes.length : 0;
        return OFFSET_OVERHEAD_BYTES + (record == null ? 0 : RECORD_OVERHEAD_BYTES + value);
    }

    /** Whether it is neither delivered nor reported. */
    boolean isOpen() {
        return record != null;
    }

    void delivered() {
        record = null;
    }

    /** Handed to the worker's reporter, which holds the record itself from now on. */
    void reported(Future<Void> written) {
        report = written;
        record = null;
    }

    /** Whether nothing of it is left to do: delivered, or safely in the dead letters. */
    boolean isDone() {
        return report == null ? record == null : report.isDone() && failure() == null;
    }

    /** Whether the worker's report of it has ended, well or not. */
    boolean isReported() {
        return report != null && report.isDone();
    }

    /**
     * Asked once {@link #isReported}.
     *
     * @throws ConnectException the dead letters did not take it
     */
    void requireWritten() {
        Throwable failure = isReported() ? failure() : null;
        if (failure != null) {
            throw new ConnectException("the dead letters did not take the refused input at offset " + offset + ": " + failure.getMessage()
                + ": raise max.message.bytes of that topic and producer.override.max.request.size of this connector", failure);
        }
    }

    private Throwable failure() {
        try {
            report.get();
            return null;
        } catch (ExecutionException error) {
            return error.getCause();
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
            return error;
        }
    }
}
