package collectors.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.processor.TopicNameExtractor;
import org.apache.kafka.streams.state.Stores;

/** The pipeline as a Kafka Streams application: {@code Main JOB.json COLLECTORS_TOPIC STATE_FOLDER}; runs until SIGTERM. */
public final class Main {
    private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(30);

    private Main() {}

    public static void main(String[] arguments) throws IOException, InterruptedException {
        JsonNode job = new ObjectMapper().readTree(new File(arguments[0]));
        Collectors collectors = new Collectors();
        Topology topology = topology(job.get("predictions").asText(), arguments[1], collectors);
        KafkaStreams streams = new KafkaStreams(topology, settings(job, arguments[2]));
        CountDownLatch failed = new CountDownLatch(1);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            failed.countDown();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        // The group is deleted before the next turn, and a member that only stops would keep it for a session.
        CloseOptions leaving = CloseOptions.groupMembershipOperation(CloseOptions.GroupMembershipOperation.LEAVE_GROUP)
                .withTimeout(CLOSE_TIMEOUT);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close(leaving);
            System.out.println(collectors.counts());
        }));
        streams.start();
        failed.await();
        System.exit(1);
    }

    static Topology topology(String predictions, String collectorsTopic, Collectors collectors) {
        TopicNameExtractor<String, Input> destination = (key, input, context) -> input.topic();
        Serializer<Input> body = (topic, input) -> input.body();
        return new Topology()
                .addGlobalStore(
                        Stores.keyValueStoreBuilder(
                                        Stores.inMemoryKeyValueStore(Collectors.STORE), Serdes.String(), Serdes.ByteArray())
                                .withLoggingDisabled(),
                        "collectors-source",
                        new StringDeserializer(),
                        new ByteArrayDeserializer(),
                        collectorsTopic,
                        "collectors",
                        () -> collectors.new Follow())
                .addSource("predictions", new ByteArrayDeserializer(), new ByteArrayDeserializer(), predictions)
                .addProcessor("judge", () -> new Judge(collectors), "predictions")
                .addSink("inputs", destination, new StringSerializer(), body, "judge");
    }

    private static Properties settings(JsonNode job, String stateFolder) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, job.get("group").asText());
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, job.get("bootstrap_servers").asText());
        settings.put(StreamsConfig.STATE_DIR_CONFIG, stateFolder);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, job.get("commit_interval_ms").asText());
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        // Large polls and large batches: what people set first when throughput is what counts.
        settings.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 10_000);
        settings.put(StreamsConfig.mainConsumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 5_000);
        settings.put(StreamsConfig.mainConsumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG), 4 << 20);
        settings.put(StreamsConfig.mainConsumerPrefix(ConsumerConfig.RECEIVE_BUFFER_CONFIG), 1 << 20);
        // As in librdkafka, which checks none by default.
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.CHECK_CRCS_CONFIG), false);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4");
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 256 << 10);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 100);
        return settings;
    }
}
