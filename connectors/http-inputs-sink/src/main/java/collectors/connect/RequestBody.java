package collectors.connect;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.ByteArrayOutputStream;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.util.ArrayList;
import java.util.List;

/** The body of a request, spliced from the inputs' own JSON: it is never parsed into objects and written again. */
final class RequestBody {
    private static final byte[] BEGIN = "{\"input_id_conflict_resolution\":\"SKIP\",\"inputs\":[".getBytes(US_ASCII);
    private static final byte[] END = "]}".getBytes(US_ASCII);
    /** Smaller inputs are gathered, since the client writes each piece by itself; larger ones are sent from where they are. */
    private static final int GATHERED_BYTES_MAX = 16_384;

    private RequestBody() {
    }

    /** Bytes of a request with these inputs. */
    static long length(List<byte[]> inputs) {
        long length = envelope();
        for (byte[] input : inputs) {
            length += added(input);
        }
        return length;
    }

    /** Bytes of a request without inputs. */
    static long envelope() {
        return BEGIN.length + END.length - 1L;
    }

    /** Bytes that one more input adds: itself and a comma. */
    static long added(byte[] input) {
        return input.length + 1L;
    }

    static BodyPublisher of(List<byte[]> inputs) {
        return BodyPublishers.fromPublisher(BodyPublishers.ofByteArrays(pieces(inputs)), length(inputs));
    }

    static List<byte[]> pieces(List<byte[]> inputs) {
        List<byte[]> pieces = new ArrayList<>();
        ByteArrayOutputStream gathered = new ByteArrayOutputStream();
        gathered.writeBytes(BEGIN);
        for (int i = 0; i < inputs.size(); i++) {
            if (i > 0) {
                gathered.write(',');
            }
            if (inputs.get(i).length <= GATHERED_BYTES_MAX) {
                gathered.writeBytes(inputs.get(i));
            } else {
                pieces.add(gathered.toByteArray());
                pieces.add(inputs.get(i));
                gathered.reset();
            }
        }
        gathered.writeBytes(END);
        pieces.add(gathered.toByteArray());
        pieces.removeIf(piece -> piece.length == 0);
        return pieces;
    }
}
