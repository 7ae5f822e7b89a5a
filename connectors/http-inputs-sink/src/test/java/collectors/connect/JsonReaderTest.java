package collectors.connect;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JsonReaderTest {
    @ParameterizedTest
    @ValueSource(strings = {"{}", " {\"a\" : [1, -2.5e+3, true, false, null, \"\\u00e9\\n\"] } \n", "{\"a\":{\"b\":[[],{}]}}", "{\"é\":\"ü\"}"})
    void oneObjectIsOne(String text) {
        assertTrue(JsonReader.isObject(text.getBytes(UTF_8)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", "[]", "1", "\"a\"", "{", "}", "{}{}", "{},{}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\":1 \"b\":2}", "{a:1}",
        "{\"a\":\"\n\"}", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12\"}", "{\"a\":[1,]}", "{\"a\":[1}", "{\"a\":nil}", "{\"a\":\"b}"})
    void anythingElseIsNone(String text) {
        assertFalse(JsonReader.isObject(text.getBytes(UTF_8)));
    }

    @Test
    void whatIsNestedTooDeepIsNoneInsteadOfABrokenStack() {
        assertTrue(JsonReader.isObject(nested(500)));
        assertFalse(JsonReader.isObject(nested(100_000)));
    }

    @Test
    void aNumberMayHaveAsManyDigitsAsItLikes() {
        for (int digits : new int[] {399, 400, 401, 20_000}) {
            assertTrue(JsonReader.isObject(("{\"a\":[0." + "1".repeat(digits) + ",2]}").getBytes(UTF_8)));
            assertFalse(JsonReader.isObject(("{\"a\":[" + "1".repeat(digits) + "x,2]}").getBytes(UTF_8)));
        }
    }

    private static byte[] nested(int depth) {
        return ("{\"a\":" + "[".repeat(depth) + "]".repeat(depth) + "}").getBytes(UTF_8);
    }

    @Test
    void membersAreTakenAndOthersSkippedAcrossTheEndsOfTheBuffer() throws IOException {
        String text = "{\"skipped\":[\"" + "x".repeat(20_000) + "\"],\"taken\":\"a\\\"\\u0041\\n\",\"code\":30100,\"list\":[1,2,3]}";
        List<String> seen = new ArrayList<>();
        JsonReader reader = new JsonReader(new ByteArrayInputStream(text.getBytes(UTF_8)));
        reader.object(name -> {
            switch (name) {
                case "taken" -> seen.add(reader.string());
                case "code" -> seen.add(Integer.toString(reader.integer()));
                case "list" -> reader.array(() -> seen.add("element " + reader.integer()));
                default -> reader.skip();
            }
        });
        assertEquals(List.of("a\"A\n", "30100", "element 1", "element 2", "element 3"), seen);
    }

    @Test
    void aTextThatEndsTooEarlyIsNotJson() {
        JsonReader reader = new JsonReader(new ByteArrayInputStream("{\"a\":\"b".getBytes(UTF_8)));
        assertThrows(JsonReader.NotJson.class, reader::skip);
    }

    @Test
    void quotedTextsAreJson() {
        assertEquals("\"a\\\"\\\\\\u000aé\"", JsonReader.quoted("a\"\\\né"));
    }
}
