package collectors.connect;

import java.lang.management.ManagementFactory;
import java.util.concurrent.atomic.AtomicLong;
import javax.management.InstanceNotFoundException;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The numbers of one task. */
final class SinkMetrics implements SinkMetricsMXBean {
    private static final Logger LOG = LoggerFactory.getLogger(SinkMetrics.class);

    private static final int ERROR_CHARS_MAX = 500;

    final AtomicLong delivered = new AtomicLong();
    final AtomicLong duplicates = new AtomicLong();
    final AtomicLong refused = new AtomicLong();
    final AtomicLong requests = new AtomicLong();
    final AtomicLong retries = new AtomicLong();
    final AtomicLong halved = new AtomicLong();
    final AtomicLong inFlight = new AtomicLong();
    final AtomicLong bytesHeld = new AtomicLong();
    private volatile String lastError = "";
    private ObjectName name;

    /** Metrics that JMX shows; where it will not, they are counted all the same. */
    static SinkMetrics register(String connector, int task) {
        SinkMetrics metrics = new SinkMetrics();
        MBeanServer server = ManagementFactory.getPlatformMBeanServer();
        try {
            String shown = connector.matches("[A-Za-z0-9._-]+") ? connector : ObjectName.quote(connector);
            metrics.name = new ObjectName("collectors.connect:type=inputs-sink,connector=" + shown + ",task=" + task);
            // A task that its worker gave up on may still hold the name.
            forget(server, metrics.name);
            server.registerMBean(metrics, metrics.name);
        } catch (JMException error) {
            LOG.warn("no metrics through JMX: {}", error.toString());
        }
        return metrics;
    }

    void unregister() {
        try {
            forget(ManagementFactory.getPlatformMBeanServer(), name);
        } catch (JMException error) {
            LOG.warn("metrics stay in JMX: {}", error.toString());
        }
    }

    private static void forget(MBeanServer server, ObjectName name) throws JMException {
        try {
            server.unregisterMBean(name);
        } catch (InstanceNotFoundException error) {
            // As it should be.
        }
    }

    void failed(String words) {
        lastError = words;
    }

    void succeeded() {
        lastError = "";
    }

    /**
     * Counts and last error, to be committed beside an offset. It ends with a NUL: clients in C copy such a text without its length, and
     * go on reading until they find one.
     */
    String asJson() {
        String error = lastError.length() <= ERROR_CHARS_MAX ? lastError : lastError.substring(0, ERROR_CHARS_MAX);
        return String.format("{\"delivered\":%d,\"duplicates\":%d,\"refused\":%d,\"error\":%s}\0",
            delivered.get(), duplicates.get(), refused.get(), JsonReader.quoted(error));
    }

    @Override
    public long getDelivered() {
        return delivered.get();
    }

    @Override
    public long getDuplicates() {
        return duplicates.get();
    }

    @Override
    public long getRefused() {
        return refused.get();
    }

    @Override
    public long getRequests() {
        return requests.get();
    }

    @Override
    public long getRetries() {
        return retries.get();
    }

    @Override
    public long getHalved() {
        return halved.get();
    }

    @Override
    public long getInFlight() {
        return inFlight.get();
    }

    @Override
    public long getBytesHeld() {
        return bytesHeld.get();
    }

    @Override
    public String getLastError() {
        return lastError;
    }
}
