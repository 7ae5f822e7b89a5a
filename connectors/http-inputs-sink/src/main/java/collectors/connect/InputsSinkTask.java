package collectors.connect;

import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.sink.ErrantRecordReporter;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The worker's side of a task: takes records, hands them to the {@link Courier}, and tells the worker what was delivered.
 *
 * <p>Nothing here waits. The worker calls {@link #put} with what it read, and again after {@link #HEARTBEAT_MS} without anything new while
 * work is under way; that is when refused records are reported, reading is paused or resumed, and a failure ends the task. All calls of
 * the worker's context and of its reporter happen on the worker's own thread.
 */
public final class InputsSinkTask extends SinkTask {
    static final long HEARTBEAT_MS = 100;
    private static final Logger LOG = LoggerFactory.getLogger(InputsSinkTask.class);

    private ErrantRecordReporter reporter;
    private final Deque<PendingInput> reported = new ArrayDeque<>();
    private Courier courier;
    private SinkMetrics metrics;
    private long batchBytesMax;
    private long queueBytesMax;
    private boolean paused;

    @Override
    public String version() {
        return InputsSinkConnector.VERSION;
    }

    @Override
    public void start(Map<String, String> properties) {
        InputsSinkConfig config = new InputsSinkConfig(properties);
        reporter = context.errantRecordReporter();
        if (reporter == null) {
            throw new ConnectException("this worker reports no errant records: run Kafka Connect 2.6 or later");
        }
        batchBytesMax = config.getLong(InputsSinkConfig.BATCH_BYTES_MAX);
        queueBytesMax = config.getLong(InputsSinkConfig.QUEUE_BYTES_MAX);
        metrics = SinkMetrics.register(properties.getOrDefault("name", config.destination()), config.getInt(InputsSinkConfig.TASK));
        courier = new Courier(config, new Destination(config), metrics);
    }

    @Override
    public void open(Collection<TopicPartition> partitions) {
        courier.open(partitions);
    }

    @Override
    public void put(Collection<SinkRecord> records) {
        courier.throwFailure();
        throwUnwritten();
        for (SinkRecord record : records) {
            courier.enqueue(new PendingInput(record), problem(record));
        }
        courier.pump();
        report();
        pauseOrResume();
        if (courier.isBusy()) {
            context.timeout(HEARTBEAT_MS);
        }
    }

    /** What may be committed: the records of a partition up to the first one that is neither delivered nor dead-lettered. */
    @Override
    public Map<TopicPartition, OffsetAndMetadata> preCommit(Map<TopicPartition, OffsetAndMetadata> ignored) {
        // A failure must not be thrown here: the worker would rewind and go on. The next put() ends the task.
        report();
        return courier.committable();
    }

    /** Work of partitions that go to another task is dropped: whoever gets them reads again what was not committed. */
    @Override
    public void close(Collection<TopicPartition> partitions) {
        courier.close(partitions);
    }

    @Override
    public void stop() {
        if (courier != null) {
            courier.stop();
        }
        if (metrics != null) {
            metrics.unregister();
        }
    }

    /** Why a record cannot be part of a request; null when it can. */
    private String problem(SinkRecord record) {
        if (!(record.value() instanceof byte[] body)) {
            return record.value() == null
                ? "a record without a value is no input"
                : "the value is no bytes: set value.converter=org.apache.kafka.connect.converters.ByteArrayConverter";
        }
        if (RequestBody.length(List.of(body)) > batchBytesMax) {
            return body.length + " bytes do not fit into a request of " + batchBytesMax + " (" + InputsSinkConfig.BATCH_BYTES_MAX + ")";
        }
        return JsonReader.isObject(body) ? null : "the value is no JSON object";
    }

    /** Hand refused records to the worker, which writes them to the dead letters; they count as dealt with once that is done. */
    private void report() {
        for (Refusal refusal : courier.takeRefusals()) {
            Future<Void> written = reporter.report(refusal.input().record(), new RefusedInput(refusal.words()));
            courier.reported(refusal.input(), written);
            reported.add(refusal.input());
        }
    }

    private void throwUnwritten() {
        while (!reported.isEmpty() && reported.peek().isReported()) {
            reported.remove().requireWritten();
        }
    }

    private void pauseOrResume() {
        long held = courier.bytesHeld();
        TopicPartition[] assigned = context.assignment().toArray(TopicPartition[]::new);
        if (held > queueBytesMax) {
            // Again each time, since partitions may have come meanwhile.
            context.pause(assigned);
            tell(!paused, "{} bytes are not delivered yet: reading pauses", held);
            paused = true;
        } else if (paused && held <= queueBytesMax / 2) {
            context.resume(assigned);
            tell(true, "{} bytes are not delivered yet: reading goes on", held);
            paused = false;
        }
    }

    private static void tell(boolean isNews, String text, long held) {
        if (isNews) {
            LOG.info(text, held);
        }
    }
}
