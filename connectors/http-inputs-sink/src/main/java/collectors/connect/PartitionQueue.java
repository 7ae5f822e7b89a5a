package collectors.connect;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** What one partition has to deliver, and how far it has come. Guarded by the {@link Courier}'s lock. */
final class PartitionQueue {
    /** A request that is not full waits this long for more inputs. */
    static final long LINGER_NANOS = 10_000_000;
    static final long NEVER = Long.MAX_VALUE;

    private final int inputsMax;
    private final long bytesMax;
    /** Every input whose offset is not committable yet, in the order of offsets. */
    private final Deque<PendingInput> uncommitted = new ArrayDeque<>();
    private final Deque<PendingInput> fresh = new ArrayDeque<>();
    private final Deque<Batch> again = new ArrayDeque<>();
    private final Set<Destination.Exchange> onWire = new HashSet<>();
    private long freshBytes;
    private long freshSinceNanos;
    private long committable = -1;
    private int slots;
    private boolean closed;

    /** A queue whose requests take that many slots, inputs and bytes at most. */
    PartitionQueue(int slots, int inputsMax, long bytesMax) {
        this.slots = slots;
        this.inputsMax = inputsMax;
        this.bytesMax = bytesMax - RequestBody.envelope();
    }

    /** An input that is to be delivered. */
    void add(PendingInput input, long nowNanos) {
        if (fresh.isEmpty()) {
            freshSinceNanos = nowNanos;
        }
        uncommitted.add(input);
        fresh.add(input);
        freshBytes += RequestBody.added(input.body());
    }

    /** An input that is not to be delivered. */
    void addRefused(PendingInput input) {
        uncommitted.add(input);
    }

    /** Nanoseconds until there is something to send, and a slot to send it in; 0: now; {@link #NEVER}: not by time alone. */
    long readyInNanos(long nowNanos) {
        if (slots == 0 || (again.isEmpty() && fresh.isEmpty())) {
            return NEVER;
        }
        if (!again.isEmpty() || fresh.size() >= inputsMax || freshBytes >= bytesMax) {
            return 0;
        }
        return Math.max(0, freshSinceNanos + LINGER_NANOS - nowNanos);
    }

    /** The next request's inputs; takes a slot, which {@link #free} gives back. */
    Batch take(long nowNanos) {
        slots--;
        if (!again.isEmpty()) {
            return again.remove();
        }
        List<PendingInput> inputs = new ArrayList<>();
        long bytes = 0;
        while (!fresh.isEmpty() && inputs.size() < inputsMax) {
            long added = RequestBody.added(fresh.peek().body());
            if (!inputs.isEmpty() && bytes + added > bytesMax) {
                break;
            }
            inputs.add(fresh.remove());
            bytes += added;
        }
        freshBytes -= bytes;
        freshSinceNanos = nowNanos;
        return new Batch(inputs, 0);
    }

    void free() {
        slots++;
    }

    /** To be sent before anything new. */
    void sendAgain(Batch batch) {
        again.addFirst(batch);
    }

    void sent(Destination.Exchange exchange) {
        onWire.add(exchange);
    }

    void answered(Destination.Exchange exchange) {
        onWire.remove(exchange);
    }

    boolean isClosed() {
        return closed;
    }

    /** Drop everything; answers that still come are nobody's. */
    void close() {
        closed = true;
        onWire.forEach(Destination.Exchange::abort);
        onWire.clear();
    }

    /** Bytes of what was never dealt with; asked when the queue is dropped. */
    long bytesHeld() {
        return uncommitted.stream().mapToLong(PendingInput::bytesHeld).sum();
    }

    long openInputs() {
        return uncommitted.stream().filter(PendingInput::isOpen).count();
    }

    /** Forget what is dealt with up to the first input that is not; the bytes that this lets go. */
    long advance() {
        long bytes = 0;
        while (!uncommitted.isEmpty() && uncommitted.peek().isDone()) {
            PendingInput input = uncommitted.remove();
            committable = input.offset() + 1;
            bytes += input.bytesHeld();
        }
        return bytes;
    }

    /** The offset to commit; -1 while nothing has come. */
    long committable() {
        return committable < 0 && !uncommitted.isEmpty() ? uncommitted.peek().offset() : committable;
    }
}
