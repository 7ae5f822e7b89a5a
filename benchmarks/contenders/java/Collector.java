package collectors.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/** One collector: its workflow, ready to be asked, and how often each outcome came. */
final class Collector {
    private static final ObjectMapper JSON = new ObjectMapper();

    final String key;
    final String topic;
    final String model;
    final double inclusionProbability;
    final byte[] keyBytes;
    final byte[] inclusionBytes;
    private final Operator[] workflow;
    private final long[] counts = new long[Outcome.values().length];

    private Collector(JsonNode document, Operator[] workflow) {
        this.key = document.get("key").asText();
        this.topic = document.get("topic").asText();
        this.model = document.get("model").asText();
        this.inclusionProbability = document.get("inclusion_probability").asDouble();
        this.keyBytes = key.getBytes(StandardCharsets.UTF_8);
        this.inclusionBytes = Double.toString(inclusionProbability).getBytes(StandardCharsets.UTF_8);
        this.workflow = workflow;
    }

    /** Read a document; {@code shared} gives one operator for all equal ones. */
    static Collector parse(byte[] document, UnaryOperator<Operator> shared) {
        try {
            JsonNode fields = JSON.readTree(document);
            List<Operator> workflow = new ArrayList<>();
            for (JsonNode node : fields.get("workflow")) {
                workflow.add(shared.apply(operator(node)));
            }
            return new Collector(fields, workflow.toArray(Operator[]::new));
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    /** Judge a prediction, and count it. */
    boolean collects(Prediction prediction) {
        for (Operator operator : workflow) {
            if (!operator.passes(prediction)) {
                counts[operator.otherwise().ordinal()]++;
                return false;
            }
        }
        counts[Outcome.COLLECTED.ordinal()]++;
        return true;
    }

    long count(Outcome outcome) {
        return counts[outcome.ordinal()];
    }

    private static Operator operator(JsonNode node) {
        String type = node.get("type").asText();
        return switch (type) {
            case "max-probability" -> new Operator.MaxProbability((float) node.get("below").asDouble());
            case "random-sample" -> new Operator.RandomSample(
                    node.get("group").asInt(), unsigned(node.get("salt")), unsigned(node.get("limit")));
            default -> throw new IllegalArgumentException("unknown operator " + type);
        };
    }

    private static long unsigned(JsonNode number) {
        return Long.parseUnsignedLong(number.asText());
    }
}
