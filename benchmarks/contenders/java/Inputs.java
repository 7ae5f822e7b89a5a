package collectors.bench;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.util.ByteArrayBuilder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.apache.avro.util.Utf8;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.processor.api.Record;

/** Makes inputs: the same ids, bodies and headers as the processor makes. */
final class Inputs {
    private static final int ID_BYTES = 16;
    private static final byte[] CATALOG_VERSION = "none".getBytes(StandardCharsets.UTF_8);

    private final JsonFactory json = new JsonFactory();
    private final ByteArrayBuilder buffer = new ByteArrayBuilder(1024);
    private final MessageDigest digest = sha256();

    Record<String, Input> of(Prediction prediction, Collector collector, long timestamp) throws IOException {
        String id = id(prediction, collector);
        Headers headers = new RecordHeaders()
                .add("collector", collector.keyBytes)
                .add("catalog-version", CATALOG_VERSION)
                .add("prediction-id", bytes(prediction.id))
                .add("inclusion-probability", collector.inclusionBytes)
                .add("model", (collector.model + "/" + prediction.versionId).getBytes(StandardCharsets.UTF_8));
        return new Record<>(id, new Input(collector.topic, body(id, prediction, collector)), timestamp, headers);
    }

    private String id(Prediction prediction, Collector collector) {
        digest.update(collector.keyBytes);
        digest.update((byte) 0);
        digest.update(prediction.id.getBytes(), 0, prediction.id.getByteLength());
        return HexFormat.of().formatHex(digest.digest(), 0, ID_BYTES);
    }

    private byte[] body(String id, Prediction prediction, Collector collector) throws IOException {
        buffer.reset();
        try (JsonGenerator out = json.createGenerator(buffer)) {
            out.writeStartObject();
            out.writeStringField("id", id);
            out.writeObjectFieldStart("data");
            write(out, prediction.image);
            write(out, prediction.video);
            write(out, prediction.audio);
            write(out, prediction.text);
            out.writeObjectFieldStart("metadata");
            copyMetadata(out, prediction.metadata);
            writeProvenance(out, prediction, collector);
            out.writeEndObject();
            if (prediction.geo.present) {
                out.writeFieldName("geo");
                out.writeRawValue(prediction.geo.value.toString());
            }
            out.writeEndObject();
            out.writeEndObject();
        }
        return buffer.toByteArray();
    }

    private void write(JsonGenerator out, Prediction.Content content) throws IOException {
        if (!content.present) {
            return;
        }
        out.writeObjectFieldStart(content.name);
        for (int i = 0; i < content.texts.length; i++) {
            if (content.texts[i].present) {
                out.writeFieldName(content.names[i]);
                write(out, content.texts[i].value);
            }
        }
        out.writeEndObject();
    }

    private void copyMetadata(JsonGenerator out, Prediction.Text metadata) throws IOException {
        if (!metadata.present) {
            return;
        }
        try (JsonParser in = json.createParser(metadata.value.getBytes(), 0, metadata.value.getByteLength())) {
            in.nextToken();
            while (in.nextToken() == JsonToken.FIELD_NAME) {
                boolean kept = !"collected".equals(in.currentName());
                in.nextToken();
                if (kept) {
                    out.writeFieldName(in.currentName());
                    out.copyCurrentStructure(in);
                } else {
                    in.skipChildren();
                }
            }
        }
    }

    private void writeProvenance(JsonGenerator out, Prediction prediction, Collector collector) throws IOException {
        out.writeObjectFieldStart("collected");
        out.writeStringField("collector", collector.key);
        out.writeFieldName("prediction_id");
        write(out, prediction.id);
        out.writeStringField("model", collector.model);
        out.writeNumberField("inclusion_probability", collector.inclusionProbability);
        out.writeEndObject();
    }

    private static void write(JsonGenerator out, Utf8 text) throws IOException {
        out.writeUTF8String(text.getBytes(), 0, text.getByteLength());
    }

    private static byte[] bytes(Utf8 text) {
        return java.util.Arrays.copyOf(text.getBytes(), text.getByteLength());
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException error) {
            throw new IllegalStateException(error);
        }
    }
}
