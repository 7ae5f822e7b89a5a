package collectors.connect;

import java.time.Duration;
import java.util.List;

/** What becomes of a request that was answered, or was not. */
sealed interface Verdict {
    /** What becomes of one input. */
    enum Fate { DELIVERED, DUPLICATE, REFUSED, AGAIN }

    /** One input's fate and the destination's words. */
    record Outcome(Fate fate, String words) {
    }

    /** Each input has a fate of its own, in the order they were sent; {@code notBefore} as in {@link Again}. */
    record Each(List<Outcome> outcomes, Duration notBefore) implements Verdict {
    }

    /**
     * To be sent again as it is.
     *
     * @param notBefore what the destination asked for; null: our own choice
     * @param throttled the destination has too much to do: no other request before then either
     */
    record Again(Duration notBefore, boolean throttled, String words) implements Verdict {
    }

    /** Refused whole, without a word about which input: to be sent in halves. */
    record Halve(String words) implements Verdict {
    }

    /** No request will do until somebody changes something. */
    record Stop(String words) implements Verdict {
    }
}
