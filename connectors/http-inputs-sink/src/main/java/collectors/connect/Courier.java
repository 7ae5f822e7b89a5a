package collectors.connect;

import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.errors.ConnectException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes inputs and delivers them: several requests of each partition at a time, again and again until the destination has said what became
 * of every input.
 *
 * <p>Three kinds of threads come here: the worker's, which brings inputs and asks what may be committed; those of the HTTP client, which
 * bring answers; and one timer. None of them ever waits for anything but the lock.
 */
final class Courier {
    private static final Logger LOG = LoggerFactory.getLogger(Courier.class);
    private static final ScheduledThreadPoolExecutor TIMER = timer();

    private final String destinationName;
    private final String keyId;
    private final Destination destination;
    private final SinkMetrics metrics;
    private final Backoff backoff;
    private final Pace pace;
    private final int slots;
    private final int batchInputsMax;
    private final long batchBytesMax;

    private final Map<TopicPartition, PartitionQueue> queues = new HashMap<>();
    /** The same queues, the one that sent longest ago first. */
    private final Deque<PartitionQueue> turns = new ArrayDeque<>();
    private final List<Refusal> refusals = new ArrayList<>();
    private ConnectException failure;
    private ScheduledFuture<?> wake;
    private long wakeNanos;
    private long openInputs;
    private boolean stopped;

    Courier(InputsSinkConfig config, Destination destination, SinkMetrics metrics) {
        this.destination = destination;
        this.metrics = metrics;
        destinationName = config.destination();
        keyId = config.getString(InputsSinkConfig.KEY_ID);
        slots = config.getInt(InputsSinkConfig.REQUESTS_IN_FLIGHT_MAX);
        batchInputsMax = config.getInt(InputsSinkConfig.BATCH_INPUTS_MAX);
        batchBytesMax = config.getLong(InputsSinkConfig.BATCH_BYTES_MAX);
        pace = new Pace(config.getDouble(InputsSinkConfig.REQUESTS_PER_SECOND_MAX), System.nanoTime());
        Duration first = config.duration(InputsSinkConfig.RETRY_BACKOFF_MS);
        Duration max = config.duration(InputsSinkConfig.RETRY_BACKOFF_MAX_MS);
        backoff = new Backoff(first, max, () -> ThreadLocalRandom.current().nextLong());
    }

    private static ScheduledThreadPoolExecutor timer() {
        ScheduledThreadPoolExecutor timer = new ScheduledThreadPoolExecutor(1, Daemon.named("inputs-sink-timer"));
        timer.setRemoveOnCancelPolicy(true);
        return timer;
    }

    synchronized void open(Collection<TopicPartition> partitions) {
        partitions.forEach(this::queue);
    }

    private PartitionQueue queue(TopicPartition partition) {
        return queues.computeIfAbsent(partition, ignored -> {
            PartitionQueue queue = new PartitionQueue(slots, batchInputsMax, batchBytesMax);
            turns.add(queue);
            return queue;
        });
    }

    synchronized void close(Collection<TopicPartition> partitions) {
        for (TopicPartition partition : partitions) {
            PartitionQueue queue = queues.remove(partition);
            if (queue != null) {
                turns.remove(queue);
                metrics.bytesHeld.addAndGet(-queue.bytesHeld());
                openInputs -= queue.openInputs();
                queue.close();
            }
        }
        refusals.removeIf(refusal -> partitions.contains(refusal.input().partition()));
    }

    synchronized void stop() {
        stopped = true;
        close(List.copyOf(queues.keySet()));
        if (wake != null) {
            wake.cancel(false);
        }
    }

    /** Take an input; with a problem it is only refused. */
    synchronized void enqueue(PendingInput input, String problem) {
        PartitionQueue queue = queue(input.partition());
        openInputs++;
        metrics.bytesHeld.addAndGet(input.bytesHeld());
        if (problem == null) {
            queue.add(input, System.nanoTime());
        } else {
            queue.addRefused(input);
            refusals.add(new Refusal(input, problem));
        }
    }

    /** Send whatever may be sent now, and see to it that this is done again when more may. */
    synchronized void pump() {
        long now = System.nanoTime();
        long later = PartitionQueue.NEVER;
        while (!stopped && failure == null) {
            PartitionQueue ready = null;
            for (PartitionQueue queue : turns) {
                long in = queue.readyInNanos(now);
                later = in > 0 ? Math.min(later, in) : later;
                ready = in == 0 && ready == null ? queue : ready;
            }
            if (ready == null || pace.waitNanos(now) > 0) {
                wakeIn(ready == null ? later : pace.waitNanos(now), now);
                return;
            }
            pace.sent(now);
            turns.remove(ready);
            turns.add(ready);
            send(ready, ready.take(now));
        }
    }

    private void wakeIn(long nanos, long now) {
        if (nanos == PartitionQueue.NEVER || (wake != null && wakeNanos - (now + nanos) <= 0)) {
            return;
        }
        if (wake != null) {
            wake.cancel(false);
        }
        wakeNanos = now + nanos;
        wake = TIMER.schedule(this::woken, nanos, TimeUnit.NANOSECONDS);
    }

    private synchronized void woken() {
        wake = null;
        pump();
    }

    private void send(PartitionQueue queue, Batch batch) {
        metrics.requests.incrementAndGet();
        metrics.inFlight.incrementAndGet();
        Destination.Exchange exchange = destination.post(batch);
        queue.sent(exchange);
        exchange.answer().whenComplete((answer, error) -> answered(queue, batch, exchange, answer, error));
    }

    private synchronized void answered(PartitionQueue queue, Batch batch, Destination.Exchange exchange, Answer answer, Throwable error) {
        metrics.inFlight.decrementAndGet();
        exchange.abort();
        queue.answered(exchange);
        if (queue.isClosed()) {
            return;
        }
        try {
            apply(queue, batch, error == null ? Judge.judge(answer, batch.ids()) : new Verdict.Again(null, false, told(error)));
            pump();
        } catch (RuntimeException fault) {
            // Nobody else would hear of it, and the inputs would wait for ever.
            failure = new ConnectException("a fault of this connector: " + fault, fault);
        }
    }

    private void apply(PartitionQueue queue, Batch batch, Verdict verdict) {
        if (verdict instanceof Verdict.Each each) {
            deliver(queue, batch, each);
        } else if (verdict instanceof Verdict.Again again) {
            retry(queue, batch, again);
        } else if (verdict instanceof Verdict.Halve halve) {
            metrics.halved.incrementAndGet();
            metrics.failed(halve.words());
            LOG.warn("{} refused {} inputs in one request: {}: trying them in halves", destinationName, batch.inputs().size(), halve.words());
            batch.halves().forEach(queue::sendAgain);
            queue.free();
        } else if (verdict instanceof Verdict.Stop stop) {
            metrics.failed(stop.words());
            failure = new ConnectException("destination " + destinationName + ", key '" + keyId + "': " + stop.words());
        }
    }

    private void deliver(PartitionQueue queue, Batch batch, Verdict.Each each) {
        List<PendingInput> left = new ArrayList<>();
        String told = "";
        int refused = 0;
        for (int i = 0; i < batch.inputs().size(); i++) {
            PendingInput input = batch.inputs().get(i);
            Verdict.Outcome outcome = each.outcomes().get(i);
            switch (outcome.fate()) {
                case DELIVERED -> delivered(input, metrics.delivered);
                case DUPLICATE -> delivered(input, metrics.duplicates);
                case REFUSED -> {
                    refusals.add(new Refusal(input, outcome.words()));
                    told = refused++ == 0 ? outcome.words() : told;
                }
                case AGAIN -> {
                    left.add(input);
                    told = outcome.words();
                }
                default -> throw new IllegalStateException("no such fate");
            }
        }
        if (refused > 0) {
            LOG.warn("{} refused {} of {} inputs, the first with: {}", destinationName, refused, batch.inputs().size(), told);
        }
        if (left.isEmpty()) {
            metrics.succeeded();
            queue.free();
        } else {
            retry(queue, new Batch(left, batch.attempts()), new Verdict.Again(each.notBefore(), true, told));
        }
    }

    private void delivered(PendingInput input, AtomicLong count) {
        count.incrementAndGet();
        let(input, input::delivered);
    }

    /** Let go of an input's bytes. */
    private void let(PendingInput input, Runnable go) {
        long before = input.bytesHeld();
        go.run();
        metrics.bytesHeld.addAndGet(input.bytesHeld() - before);
        openInputs--;
    }

    /** Send a batch again, after a while; until then it keeps its slot. */
    private void retry(PartitionQueue queue, Batch batch, Verdict.Again again) {
        Duration wait = backoff.after(batch.attempts(), again.notBefore());
        metrics.retries.incrementAndGet();
        metrics.failed(again.words());
        if (Integer.bitCount(batch.attempts() + 1) == 1) {
            LOG.warn("{} did not take {} inputs (attempt {}): {}: again in {} ms",
                destinationName, batch.inputs().size(), batch.attempts() + 1, again.words(), wait.toMillis());
        }
        if (again.throttled()) {
            pace.hold(System.nanoTime(), wait.toNanos());
        }
        TIMER.schedule(() -> due(queue, batch.again()), wait.toNanos(), TimeUnit.NANOSECONDS);
    }

    private synchronized void due(PartitionQueue queue, Batch batch) {
        if (!queue.isClosed()) {
            queue.sendAgain(batch);
            queue.free();
            pump();
        }
    }

    private static String told(Throwable error) {
        Throwable cause = error instanceof CompletionException && error.getCause() != null ? error.getCause() : error;
        if (cause instanceof TimeoutException || cause instanceof CancellationException) {
            return "no answer in time";
        }
        if (cause instanceof java.net.ConnectException) {
            return "no connection: refused, or no such host";
        }
        Throwable root = cause instanceof UncheckedIOException ? cause.getCause() : cause;
        return "no answer: " + root.getClass().getSimpleName() + (root.getMessage() == null ? "" : " (" + root.getMessage() + ")");
    }

    /** Refused inputs that nobody has reported yet. */
    synchronized List<Refusal> takeRefusals() {
        List<Refusal> taken = List.copyOf(refusals);
        refusals.clear();
        return taken;
    }

    synchronized void reported(PendingInput input, Future<Void> written) {
        metrics.refused.incrementAndGet();
        let(input, () -> input.reported(written));
    }

    /** What may be committed; the metadata tell what the counts and the last error are, for those who see nothing but the group. */
    synchronized Map<TopicPartition, OffsetAndMetadata> committable() {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        queues.forEach((partition, queue) -> {
            metrics.bytesHeld.addAndGet(-queue.advance());
            if (queue.committable() >= 0) {
                offsets.put(partition, new OffsetAndMetadata(queue.committable(), metrics.asJson()));
            }
        });
        return offsets;
    }

    /** Whether anything is left to do. */
    synchronized boolean isBusy() {
        return openInputs > 0;
    }

    long bytesHeld() {
        return metrics.getBytesHeld();
    }

    /**
     * Tell the worker that no request will do any more.
     *
     * @throws ConnectException that is so
     */
    synchronized void throwFailure() {
        if (failure != null) {
            throw new ConnectException(failure.getMessage(), failure.getCause());
        }
    }
}
