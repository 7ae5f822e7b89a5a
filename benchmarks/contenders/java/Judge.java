package collectors.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import org.apache.avro.util.Utf8;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/** Each prediction, decoded once, before each collector of its model in turn. */
final class Judge implements Processor<byte[], byte[], String, Input> {
    private final Collectors collectors;
    private final Prediction prediction = new Prediction();
    private final Inputs inputs = new Inputs();
    private final Utf8 userId = new Utf8();
    private final Utf8 appId = new Utf8();
    private final Utf8 modelId = new Utf8();
    private Collector[] watching = {};
    private long version;
    private ProcessorContext<String, Input> context;
    private KeyValueStore<String, byte[]> store;

    Judge(Collectors collectors) {
        this.collectors = collectors;
    }

    @Override
    public void init(ProcessorContext<String, Input> context) {
        this.context = context;
        this.store = context.getStateStore(Collectors.STORE);
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        try {
            prediction.read(record.value());
            if (prediction.workflowId.getByteLength() != 0) {
                return;
            }
            for (Collector collector : watching()) {
                if (collector.collects(prediction)) {
                    context.forward(inputs.of(prediction, collector, record.timestamp()));
                }
            }
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    /** Looked up only when the model, or a collector, is another one. */
    private Collector[] watching() {
        if (collectors.version() != version || !isSameModel()) {
            version = collectors.version();
            userId.set(prediction.userId);
            appId.set(prediction.appId);
            modelId.set(prediction.modelId);
            watching = collectors.of(userId + "/" + appId + "/" + modelId, store);
        }
        return watching;
    }

    private boolean isSameModel() {
        return prediction.modelId.equals(modelId) && prediction.appId.equals(appId) && prediction.userId.equals(userId);
    }
}
