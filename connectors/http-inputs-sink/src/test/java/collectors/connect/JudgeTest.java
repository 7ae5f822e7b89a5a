package collectors.connect;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import collectors.connect.Verdict.Again;
import collectors.connect.Verdict.Each;
import collectors.connect.Verdict.Fate;
import collectors.connect.Verdict.Halve;
import collectors.connect.Verdict.Stop;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JudgeTest {
    private static final String MIXED = "{\"status\":{\"code\":10010},\"inputs\":[" + item("a", 30000) + "," + item("b", 30101) + "]}";

    private static String item(String id, int code) {
        return "{\"id\":\"" + id + "\",\"status\":{\"code\":" + code + ",\"description\":\"words of " + code + "\"}}";
    }

    private static Verdict judge(int http, String retryAfter, String body, String... ids) throws IOException {
        List<byte[]> sent = new ArrayList<>();
        for (String id : ids) {
            sent.add(id.isEmpty() ? null : id.getBytes(UTF_8));
        }
        return Judge.judge(Answer.read(http, retryAfter, new ByteArrayInputStream(body.getBytes(UTF_8)), sent.size(), text -> text), sent);
    }

    private static List<Fate> fates(Verdict verdict) {
        return ((Each) verdict).outcomes().stream().map(Verdict.Outcome::fate).toList();
    }

    @Test
    void eachInputHasItsOwnFateAndTheDestinationsWords() throws IOException {
        Each each = (Each) judge(207, null, MIXED, "a", "b");
        assertEquals(List.of(Fate.DELIVERED, Fate.REFUSED), fates(each));
        assertEquals("30101 words of 30101", each.outcomes().get(1).words());
    }

    @Test
    void whatIsNoItemDoesNotHideTheStatus() throws IOException {
        for (String items : List.of("null,[1]", "{\"status\":{\"code\":{}}},{\"status\":{\"code\":[1]}}")) {
            String body = "{\"status\":{\"code\":10000},\"inputs\":[" + items + "]}";
            assertEquals(List.of(Fate.DELIVERED, Fate.DELIVERED), fates(judge(200, null, body, "a", "b")));
        }
    }

    @Test
    void noPartOfAKeyIsLeftWhereAPageIsCut() throws IOException {
        String key = "0123456789".repeat(10);
        for (int before : List.of(0, 250, 290, 299, 2_000, 4_050)) {
            String page = "<html>" + " ".repeat(before / 2) + "x".repeat(before - before / 2) + key + "y".repeat(5_000);
            byte[] body = page.getBytes(UTF_8);
            String words = Answer.read(502, null, new ByteArrayInputStream(body), 1, text -> text.replace(key, "[hidden]")).words();
            assertFalse(words.contains("0123"), words);
        }
    }

    @Test
    void noMoreIsKeptThanWasSent() throws IOException {
        String item = "{\"id\":\"" + "x".repeat(5_000) + "\",\"status\":{\"code\":30000}},";
        String body = "{\"inputs\":[" + item.repeat(1_000) + "{}],\"status\":{\"code\":10000}}";
        Answer answer = Answer.read(200, null, new ByteArrayInputStream(body.getBytes(UTF_8)), 2, text -> text);
        assertEquals(3, answer.items().size());
        assertTrue(answer.items().get(0).id().length() < 2_000);
        assertEquals(10000, answer.status().code());
    }

    @Test
    void itemsInAnotherOrderAreMatchedByTheirIds() throws IOException {
        assertEquals(List.of(Fate.REFUSED, Fate.DELIVERED), fates(judge(207, null, MIXED, "b", "a")));
    }

    @Test
    void itemsAreTakenInOrderWhereIdsAreNotKnown() throws IOException {
        assertEquals(List.of(Fate.DELIVERED, Fate.REFUSED), fates(judge(207, null, MIXED, "", "")));
    }

    @Test
    void itemsThatDoNotFitWhatWasSentTellNothing() throws IOException {
        assertInstanceOf(Halve.class, judge(207, null, MIXED, "a", "b", "c"));
        assertInstanceOf(Halve.class, judge(207, null, MIXED, "a", "x"));
    }

    @ParameterizedTest
    @CsvSource({"10000,DELIVERED", "30000,DELIVERED", "30001,DELIVERED", "30100,DUPLICATE", "30101,REFUSED", "30104,REFUSED", "30105,REFUSED",
        "11005,AGAIN", "10030,AGAIN", "99009,AGAIN", "12345,REFUSED"})
    void everyCodeOfAnItemHasAFate(int code, Fate fate) throws IOException {
        String body = "{\"status\":{\"code\":10010},\"inputs\":[" + item("a", code) + "]}";
        assertEquals(List.of(fate), fates(judge(200, null, body, "a")));
    }

    @ParameterizedTest
    @CsvSource({"401,0", "403,0", "200,11007", "400,11008", "401,11009", "404,11101", "405,0", "301,0", "400,11000"})
    void whatNoRequestWillChangeStops(int http, int code) throws IOException {
        assertInstanceOf(Stop.class, judge(http, null, "{\"status\":{\"code\":" + code + "}}", "a", "b"));
    }

    @Test
    void aStopTellsTheDestinationsWordsAndWhatToDo() throws IOException {
        String body = "{\"status\":{\"code\":11007,\"description\":\"Insufficient scopes\",\"details\":\"Inputs_Add is missing\"}}";
        String words = ((Stop) judge(403, null, body, "a")).words();
        assertTrue(words.startsWith("HTTP 403: 11007 Insufficient scopes Inputs_Add is missing: give that key every scope"), words);
    }

    @ParameterizedTest
    @CsvSource({"429,0,true", "400,11005,true", "200,11006,true", "500,0,false", "502,0,false", "503,10020,false", "408,0,false"})
    void whatPassesIsTriedAgainAndThrottlingHoldsAllRequests(int http, int code, boolean throttled) throws IOException {
        Again again = (Again) judge(http, "7", "{\"status\":{\"code\":" + code + "}}", "a", "b");
        assertEquals(throttled, again.throttled());
        assertEquals(Duration.ofSeconds(7), again.notBefore());
    }

    @Test
    void aRequestRefusedWholeIsHalvedAndAnInputAloneIsTheOneThatIsRefused() throws IOException {
        String body = "{\"status\":{\"code\":11102,\"description\":\"Invalid request\"}}";
        assertInstanceOf(Halve.class, judge(400, null, body, "a", "b"));
        assertEquals(List.of(Fate.REFUSED), fates(judge(400, null, body, "a")));
        assertInstanceOf(Halve.class, judge(413, null, "<html>too large</html>", "a", "b"));
    }

    @Test
    void aSuccessWithoutAStatusIsNotBelieved() throws IOException {
        assertInstanceOf(Again.class, judge(200, null, "<html>hello</html>", "a"));
        assertInstanceOf(Again.class, judge(200, null, "{}", "a"));
        assertEquals(List.of(Fate.DELIVERED, Fate.DELIVERED), fates(judge(200, null, "{\"status\":{\"code\":10000}}", "a", "b")));
    }

    @ParameterizedTest
    @CsvSource({"soon,", "-1,", "'',", "0,0", "120,120", "999999999,3600", "'Sun, 06 Nov 1994 08:49:37 GMT',0"})
    void retryAfterIsSecondsOrADateAndAnHourAtMost(String header, Long seconds) throws IOException {
        Again again = (Again) judge(503, header, "{}", "a");
        assertEquals(seconds == null ? null : Duration.ofSeconds(seconds), again.notBefore());
    }
}
