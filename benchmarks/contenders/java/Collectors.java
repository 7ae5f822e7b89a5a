package collectors.bench;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.ReadOnlyKeyValueStore;

/**
 * The collectors by model. The global store holds their documents; what is asked for every prediction is made of them once, and
 * again after one has changed.
 */
final class Collectors {
    static final String STORE = "collectors";
    private static final Collector[] NONE = {};

    private final AtomicLong version = new AtomicLong(1);
    private long built;
    private Map<String, Collector[]> byModel = Map.of();

    /** The collectors of a model. */
    Collector[] of(String model, ReadOnlyKeyValueStore<String, byte[]> store) {
        if (version.get() != built) {
            build(store);
        }
        return byModel.getOrDefault(model, NONE);
    }

    /** Another number whenever a collector is another one. */
    long version() {
        return version.get();
    }

    /** How often each outcome came, of all collectors. */
    Map<Outcome, Long> counts() {
        Map<Outcome, Long> counts = new EnumMap<>(Outcome.class);
        for (Collector[] collectors : byModel.values()) {
            for (Collector collector : collectors) {
                for (Outcome outcome : Outcome.values()) {
                    counts.merge(outcome, collector.count(outcome), Long::sum);
                }
            }
        }
        return counts;
    }

    private void build(ReadOnlyKeyValueStore<String, byte[]> store) {
        built = version.get();
        Map<Operator, Operator> operators = new HashMap<>();
        Map<String, List<Collector>> found = new HashMap<>();
        try (KeyValueIterator<String, byte[]> documents = store.all()) {
            while (documents.hasNext()) {
                KeyValue<String, byte[]> document = documents.next();
                Collector collector = Collector.parse(document.value, each -> operators.computeIfAbsent(each, same -> same));
                found.computeIfAbsent(collector.model, model -> new ArrayList<>()).add(collector);
            }
        }
        byModel = new HashMap<>();
        found.forEach((model, collectors) -> byModel.put(model, collectors.toArray(Collector[]::new)));
    }

    /** Keeps the global store equal to its topic. */
    final class Follow implements Processor<String, byte[], Void, Void> {
        private KeyValueStore<String, byte[]> store;

        @Override
        public void init(ProcessorContext<Void, Void> context) {
            store = context.getStateStore(STORE);
        }

        @Override
        public void process(Record<String, byte[]> record) {
            if (record.value() == null) {
                store.delete(record.key());
            } else {
                store.put(record.key(), record.value());
            }
            version.incrementAndGet();
        }
    }
}
