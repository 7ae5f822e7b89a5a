package collectors.connect;

import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A status as the contract has it, of a whole answer or of one input.
 *
 * @param code the contract's number; 0 where there was none
 * @param description what the number means
 * @param details more about this very case
 */
record Status(int code, String description, String details) {
    static final Status NONE = new Status(0, "", "");

    static final int SUCCESS = 10000;
    static final int TRY_AGAIN = 10030;
    static final int NOT_IN_PLAN = 11000;
    static final int THROTTLED = 11005;
    static final int EXCEEDS_LIMITS = 11006;
    static final int INSUFFICIENT_SCOPES = 11007;
    static final int KEY_INVALID = 11008;
    static final int KEY_NOT_FOUND = 11009;
    static final int INPUT_OK = 30000;
    static final int INPUT_PENDING = 30001;
    static final int INPUT_IN_PROGRESS = 30003;
    static final int INPUT_DUPLICATE = 30100;
    /** From here on the contract numbers faults inside the destination. */
    static final int INTERNAL_FROM = 98000;

    private static final int WORDS_MAX = 1_000;

    /** Code and words, for people. */
    String words() {
        String words = Stream.of(code == 0 ? "" : Integer.toString(code), description, details)
            .map(String::strip).filter(part -> !part.isEmpty()).collect(Collectors.joining(" "));
        return words.length() <= WORDS_MAX ? words : words.substring(0, WORDS_MAX) + "…";
    }
}
