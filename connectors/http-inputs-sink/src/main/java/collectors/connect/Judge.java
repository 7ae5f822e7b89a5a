package collectors.connect;

import collectors.connect.Verdict.Again;
import collectors.connect.Verdict.Each;
import collectors.connect.Verdict.Fate;
import collectors.connect.Verdict.Halve;
import collectors.connect.Verdict.Outcome;
import collectors.connect.Verdict.Stop;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What an answer means for the inputs that were sent. Pure: an answer and the ids in, a verdict out.
 *
 * <p>In this order, since the first rule that holds decides: the key or the address is wrong (stop); the destination has too much to do or
 * is out of order (again); it says what became of each input (each); it took all of them (each); it refused the request whole (halve, and
 * an input that is alone is the one that is refused).
 */
final class Judge {
    private static final String ADVICE_KEY = "give that key every scope that POST /inputs needs (Apps_Get, Annotations_Add, Annotations_Get, "
        + "Concepts_Get, Inputs_Add, Inputs_Get, Models_Get, Predict, Workflows_Get), or put a valid secret into the secret store, then restart "
        + "the connector";
    private static final String ADVICE_ADDRESS = "correct the app's destination_url, or make the app there, then restart the connector";
    private static final String ADVICE_PLAN = "let the destination's plan include what the input needs, then restart the connector";

    private Judge() {
    }

    /**
     * Judge an answer.
     *
     * @param ids of the inputs as they were sent, null for one that is not known
     */
    static Verdict judge(Answer answer, List<byte[]> ids) {
        String advice = advice(answer);
        if (advice != null) {
            return new Stop(answer.words() + ": " + advice);
        }
        int code = answer.status().code();
        if (answer.httpStatus() == 429 || code == Status.THROTTLED || code == Status.EXCEEDS_LIMITS) {
            return new Again(answer.retryAfter(), true, answer.words());
        }
        if (passes(answer.httpStatus())) {
            return new Again(answer.retryAfter(), false, answer.words());
        }
        List<Status> statuses = statuses(answer, ids);
        if (statuses != null) {
            return each(statuses, answer);
        }
        return whole(answer, ids.size());
    }

    /** What to do where no request will do; null where that is not so. */
    private static String advice(Answer answer) {
        int code = answer.status().code();
        int http = answer.httpStatus();
        if (code == Status.NOT_IN_PLAN) {
            return ADVICE_PLAN;
        }
        if (http == 401 || http == 403 || keyIsWrong(code) || answer.items().stream().anyMatch(item -> keyIsWrong(item.status().code()))) {
            return ADVICE_KEY;
        }
        return http == 404 || http == 405 || (http >= 300 && http < 400) ? ADVICE_ADDRESS : null;
    }

    private static boolean keyIsWrong(int code) {
        return code == Status.INSUFFICIENT_SCOPES || code == Status.KEY_INVALID || code == Status.KEY_NOT_FOUND;
    }

    /** Whether it is the destination's state, and not the request, that made it answer so. */
    private static boolean passes(int httpStatus) {
        return httpStatus >= 500 || httpStatus == 408 || httpStatus == 425;
    }

    /** A status for each input that was sent, in that order; null where the answer does not tell. */
    private static List<Status> statuses(Answer answer, List<byte[]> ids) {
        List<Answer.Item> items = answer.items();
        if (items.size() != ids.size() || items.stream().anyMatch(item -> item.status().code() == 0)) {
            return null;
        }
        Map<String, Status> byId = new HashMap<>();
        List<Status> statuses = new ArrayList<>();
        boolean inOrder = true;
        for (int i = 0; i < items.size(); i++) {
            byId.put(items.get(i).id(), items.get(i).status());
            statuses.add(items.get(i).status());
            inOrder &= ids.size() == 1 || items.get(i).id().isEmpty() || ids.get(i) == null || items.get(i).id().equals(text(ids.get(i)));
        }
        if (inOrder) {
            return statuses;
        }
        statuses.replaceAll(ignored -> Status.NONE);
        for (int i = 0; i < statuses.size(); i++) {
            statuses.set(i, byId.get(text(ids.get(i))));
        }
        return byId.size() < ids.size() || statuses.contains(null) ? null : statuses;
    }

    private static String text(byte[] id) {
        return id == null ? "" : new String(id, StandardCharsets.UTF_8);
    }

    private static Each each(List<Status> statuses, Answer answer) {
        List<Outcome> outcomes = new ArrayList<>(statuses.size());
        statuses.forEach(status -> outcomes.add(new Outcome(fate(status.code()), status.words())));
        return new Each(outcomes, answer.retryAfter());
    }

    private static Fate fate(int code) {
        return switch (code) {
            case Status.SUCCESS, Status.INPUT_OK, Status.INPUT_PENDING, Status.INPUT_IN_PROGRESS -> Fate.DELIVERED;
            case Status.INPUT_DUPLICATE -> Fate.DUPLICATE;
            case Status.TRY_AGAIN, Status.THROTTLED, Status.EXCEEDS_LIMITS -> Fate.AGAIN;
            default -> code >= Status.INTERNAL_FROM ? Fate.AGAIN : Fate.REFUSED;
        };
    }

    /** An answer that speaks of the request only. */
    private static Verdict whole(Answer answer, int sent) {
        int code = answer.status().code();
        Fate fate = fate(code);
        if (fate == Fate.DELIVERED || (sent == 1 && fate == Fate.DUPLICATE)) {
            return all(sent, fate, answer);
        }
        if (code == 0 && answer.httpStatus() < 300) {
            // A success without a status is not the contract's: a page of something in between. What it did is not known.
            return new Again(answer.retryAfter(), false, answer.words() + " (no status)");
        }
        if (fate == Fate.AGAIN) {
            return new Again(answer.retryAfter(), false, answer.words());
        }
        return sent == 1 ? all(1, Fate.REFUSED, answer) : new Halve(answer.words());
    }

    private static Each all(int sent, Fate fate, Answer answer) {
        return new Each(Collections.nCopies(sent, new Outcome(fate, answer.words())), answer.retryAfter());
    }
}
