package collectors.connect;

import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * What the sink makes of answers of a destination, for {@code tests/fuzz/sink.py}: batches of them on standard input, a line for each on
 * standard output: the code that was read, whether the body is one JSON object, and the outcome, or what went wrong.
 */
final class Answers {
    private static final int[] STATUSES = {200, 207, 400, 401, 404, 429, 500, 302};
    private static final List<byte[]> IDS = List.of("a".getBytes(StandardCharsets.UTF_8), "b".getBytes(StandardCharsets.UTF_8));
    private static final String SECRET = "s3cr3t";
    private static final int WORDS_MAX = 1_100;
    private static final Duration WAIT_MAX = Duration.ofHours(1);

    private Answers() {
    }

    public static void main(String[] arguments) throws IOException {
        PrintStream told = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        try (DataInputStream in = new DataInputStream(new BufferedInputStream(System.in))) {
            while (true) {
                for (int left = in.readInt(); left > 0; left--) {
                    told.println(outcome(in.readNBytes(in.readInt())));
                }
                told.flush();
            }
        } catch (EOFException end) {
            told.flush();
        }
    }

    private static String outcome(byte[] text) {
        try {
            return judged(text);
        } catch (IOException | RuntimeException | Error error) {
            StackTraceElement[] trace = error.getStackTrace();
            return "FOUND " + (error + (trace.length > 0 ? " at " + trace[0] : "")).replaceAll("\\s+", " ");
        }
    }

    /** A case: which status, a line with the Retry-After header, the body. */
    private static String judged(byte[] text) throws IOException {
        int http = STATUSES[text.length == 0 ? 0 : (text[0] & 0xff) % STATUSES.length];
        int end = 1;
        while (end < text.length && text[end] != '\n') {
            end++;
        }
        String retryAfter = end > 1 && end <= text.length ? new String(text, 1, end - 1, StandardCharsets.ISO_8859_1) : null;
        byte[] body = end < text.length ? Arrays.copyOfRange(text, end + 1, text.length) : new byte[0];
        Answer answer = Answer.read(http, retryAfter, new ByteArrayInputStream(body), IDS.size(), words -> words.replace(SECRET, "[hidden]"));
        hold(answer.items().size() <= IDS.size() + 1, "as many items as the destination likes");
        hold(answer.items().stream().allMatch(item -> item.id().length() <= WORDS_MAX), "an id as long as the destination likes");
        return answer.status().code() + " " + (JsonReader.isObject(body) ? 1 : 0) + " " + http + " " + told(Judge.judge(answer, IDS));
    }

    private static String told(Verdict verdict) {
        if (verdict instanceof Verdict.Each each) {
            hold(each.outcomes().size() == IDS.size(), "not one outcome an input");
            each.outcomes().forEach(one -> words(one.words()));
            wait(each.notBefore());
            return each.outcomes().stream().map(one -> one.fate().name()).collect(Collectors.joining("+"));
        }
        if (verdict instanceof Verdict.Again again) {
            words(again.words());
            wait(again.notBefore());
            return again.throttled() ? "throttled" : "again";
        }
        words(verdict instanceof Verdict.Stop stop ? stop.words() : ((Verdict.Halve) verdict).words());
        return verdict instanceof Verdict.Stop ? "stop" : "halve";
    }

    private static void words(String words) {
        hold(words.length() <= WORDS_MAX + 500, "words as long as the destination likes");
        hold(!words.contains(SECRET), "the key is told");
    }

    private static void wait(Duration wait) {
        hold(wait == null || (!wait.isNegative() && wait.compareTo(WAIT_MAX) <= 0), "a wait as long as the destination likes");
    }

    private static void hold(boolean holds, String otherwise) {
        if (!holds) {
            throw new IllegalStateException(otherwise);
        }
    }
}
