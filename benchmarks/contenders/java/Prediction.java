package collectors.bench;

import com.dynatrace.hash4j.hashing.Hasher64;
import com.dynatrace.hash4j.hashing.Hashing;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.util.Utf8;

/**
 * One prediction. The fields are used again for the next one, and what nobody here asks for is skipped, not read; the fields after
 * the regions are not even looked at. Maximum, hash and draws are computed at most once a prediction.
 */
final class Prediction {
    private static final int HEADER_BYTES = 5;
    private static final int GROUPS = 16;
    private static final Hasher64 HASHER = Hashing.xxh3_64();
    private static final long[] GROUP_KEYS = groupKeys();

    final Utf8 id = new Utf8();
    final Utf8 userId = new Utf8();
    final Utf8 appId = new Utf8();
    final Utf8 modelId = new Utf8();
    final Utf8 versionId = new Utf8();
    final Utf8 workflowId = new Utf8();
    final Content image = new Content("image", "url", "base64");
    final Content video = new Content("video", "url", "base64");
    final Content audio = new Content("audio", "url", "base64");
    final Content text = new Content("text", "raw", "url");
    final Text metadata = new Text();
    final Text geo = new Text();

    private final Utf8 unread = new Utf8();
    private final long[] draws = new long[GROUPS];
    private boolean drawn;
    private float largest;
    private BinaryDecoder decoder;

    void read(byte[] value) throws IOException {
        decoder = DecoderFactory.get().binaryDecoder(value, HEADER_BYTES, value.length - HEADER_BYTES, decoder);
        BinaryDecoder in = decoder;
        drawn = false;
        largest = Float.NEGATIVE_INFINITY;
        in.readString(id);
        in.readString(userId);
        in.readString(appId);
        in.readString(modelId);
        in.readString(versionId);
        in.skipString();
        in.readString(workflowId);
        if (in.readIndex() == 1) {
            in.readLong();
        }
        in.skipString();
        image.read(in);
        video.read(in);
        audio.read(in);
        text.read(in);
        metadata.read(in);
        geo.read(in);
        readConcepts(in);
        readRegions(in);
        if (largest == Float.NEGATIVE_INFINITY) {
            largest = Float.POSITIVE_INFINITY;
        }
    }

    /** The largest value of all concepts, those of regions included; infinite where there is none. */
    float largest() {
        return largest;
    }

    /** The hash of the id in one group. */
    long draw(int group) {
        if (!drawn) {
            long whole = HASHER.hashBytesToLong(id.getBytes(), 0, id.getByteLength());
            for (int i = 0; i < GROUPS; i++) {
                draws[i] = mix(whole ^ GROUP_KEYS[i]);
            }
            drawn = true;
        }
        return draws[group];
    }

    private void readConcepts(BinaryDecoder in) throws IOException {
        for (long n = in.readArrayStart(); n != 0; n = in.arrayNext()) {
            for (long i = 0; i < n; i++) {
                in.skipString();
                in.skipString();
                largest = Math.max(largest, in.readFloat());
            }
        }
    }

    private void readRegions(BinaryDecoder in) throws IOException {
        for (long n = in.readArrayStart(); n != 0; n = in.arrayNext()) {
            for (long i = 0; i < n; i++) {
                in.skipString();
                skipText(in);
                readConcepts(in);
                if (in.readIndex() == 1) {
                    skipText(in);
                    skipText(in);
                }
            }
        }
    }

    private void skipText(BinaryDecoder in) throws IOException {
        if (in.readIndex() == 1) {
            in.readString(unread);
        }
    }

    private static long[] groupKeys() {
        long[] keys = new long[GROUPS];
        for (int i = 0; i < GROUPS; i++) {
            keys[i] = HASHER.hashBytesToLong(("collectors/group/" + i).getBytes(StandardCharsets.UTF_8));
        }
        return keys;
    }

    private static long mix(long hash) {
        hash = (hash ^ (hash >>> 33)) * 0xFF51AFD7ED558CCDL;
        hash = (hash ^ (hash >>> 33)) * 0xC4CEB9FE1A85EC53L;
        return hash ^ (hash >>> 33);
    }

    /** A text that may be missing. */
    static final class Text {
        final Utf8 value = new Utf8();
        boolean present;

        void read(BinaryDecoder in) throws IOException {
            present = in.readIndex() == 1;
            if (present) {
                in.readString(value);
            }
        }
    }

    /** An image, a video, a sound or a text: two texts that may be missing, and may itself be missing. */
    static final class Content {
        final String name;
        final String[] names;
        final Text[] texts = {new Text(), new Text()};
        boolean present;

        Content(String name, String... names) {
            this.name = name;
            this.names = names;
        }

        void read(BinaryDecoder in) throws IOException {
            present = in.readIndex() == 1;
            if (present) {
                texts[0].read(in);
                texts[1].read(in);
            }
        }
    }
}
