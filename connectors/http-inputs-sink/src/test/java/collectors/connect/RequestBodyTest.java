package collectors.connect;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.util.List;
import org.junit.jupiter.api.Test;

class RequestBodyTest {
    private static String joined(List<byte[]> inputs) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        RequestBody.pieces(inputs).forEach(all::writeBytes);
        return all.toString(UTF_8);
    }

    private static byte[] large(char letter) {
        return ("{\"id\":\"" + String.valueOf(letter).repeat(20_000) + "\"}").getBytes(UTF_8);
    }

    @Test
    void inputsAreSplicedAsTheyAre() {
        String wanted = "{\"input_id_conflict_resolution\":\"SKIP\",\"inputs\":[{\"id\":\"a\"},{\"id\":\"b\"}]}";
        assertEquals(wanted, joined(List.of("{\"id\":\"a\"}".getBytes(UTF_8), "{\"id\":\"b\"}".getBytes(UTF_8))));
    }

    @Test
    void largeInputsAreNotCopiedAndTheLengthIsToldBeforehand() {
        List<byte[]> inputs = List.of(large('a'), "{}".getBytes(UTF_8), large('b'), large('c'));
        assertEquals(3, RequestBody.pieces(inputs).stream().filter(inputs::contains).count());
        assertEquals(RequestBody.length(inputs), joined(inputs).getBytes(UTF_8).length);
    }
}
