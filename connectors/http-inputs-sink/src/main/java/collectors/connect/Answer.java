package collectors.connect;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * What a destination answered, as far as it matters here: inputs that it sends back are skipped while they are read.
 *
 * @param httpStatus the number of the status line
 * @param retryAfter the Retry-After header; null without one
 * @param status of the whole request
 * @param items of each input that the answer lists
 */
record Answer(int httpStatus, Duration retryAfter, Status status, List<Item> items) {
    /** One input of an answer. */
    record Item(String id, Status status) {
    }

    private static final int HEAD_CHARACTERS = 300;
    /** Read of a page. What is longer may end in the middle of a secret: then the second half is not told. */
    private static final int LOOK_BYTES = 4096;
    private static final int KEPT_LENGTH_MAX = 1_001;
    private static final Duration RETRY_AFTER_MAX = Duration.ofHours(1);

    /**
     * Read an answer.
     *
     * @param sent how many inputs it answers
     * @param hide takes what is secret out of a text, in case the destination repeats it
     * @throws IOException the connection broke, or a success is no JSON
     */
    static Answer read(int httpStatus, String retryAfter, InputStream body, int sent, UnaryOperator<String> hide) throws IOException {
        BufferedInputStream text = new BufferedInputStream(body);
        text.mark(LOOK_BYTES);
        byte[] looked = text.readNBytes(LOOK_BYTES);
        text.reset();
        Reading reading = new Reading(new JsonReader(text), sent, hide);
        try {
            reading.answer();
        } catch (JsonReader.NotJson error) {
            // A proxy's page, most likely; what it says is all there is to tell.
            return new Answer(httpStatus, wait(retryAfter), new Status(0, "", head(looked, hide)), List.of());
        }
        return new Answer(httpStatus, wait(retryAfter), reading.status, reading.items);
    }

    /** The first words of a page. What is secret is taken out before anything is cut off, so that no part of it is left at the cut. */
    private static String head(byte[] looked, UnaryOperator<String> hide) {
        String hidden = hide.apply(new String(looked, StandardCharsets.UTF_8));
        String whole = looked.length < LOOK_BYTES ? hidden : hidden.substring(0, hidden.length() / 2);
        String words = whole.replaceAll("\\s+", " ").strip();
        return words.substring(0, Math.min(words.length(), HEAD_CHARACTERS));
    }

    /** Status line, code and words, for people. */
    String words() {
        String words = status.words();
        return "HTTP " + httpStatus + (words.isEmpty() ? "" : ": " + words);
    }

    private static Duration wait(String header) {
        if (header == null || header.isBlank()) {
            return null;
        }
        Duration wait;
        try {
            wait = header.strip().matches("[0-9]{1,9}")
                ? Duration.ofSeconds(Long.parseLong(header.strip()))
                : Duration.between(Instant.now(), Instant.from(DateTimeFormatter.RFC_1123_DATE_TIME.parse(header.strip())));
        } catch (DateTimeException error) {
            return null;
        }
        if (wait.isNegative()) {
            return Duration.ZERO;
        }
        return wait.compareTo(RETRY_AFTER_MAX) > 0 ? RETRY_AFTER_MAX : wait;
    }

    /** The members that count, gathered while the text goes by. */
    private static final class Reading {
        private final JsonReader json;
        private final int sent;
        private final UnaryOperator<String> hide;
        private final List<Item> items = new ArrayList<>();
        private Status status = Status.NONE;
        private int code;
        private String description;
        private String details;
        private String id;

        Reading(JsonReader json, int sent, UnaryOperator<String> hide) {
            this.json = json;
            this.sent = sent;
            this.hide = hide;
        }

        void answer() throws IOException {
            json.object(name -> {
                if (name.equals("status")) {
                    status = status();
                } else if (name.equals("inputs") && json.isNext('[')) {
                    json.array(this::element);
                } else {
                    json.skip();
                }
            });
        }

        /** One more than were sent is as wrong as any number: what the destination sends does not decide how much is kept. */
        private void element() throws IOException {
            if (items.size() > sent) {
                json.skip();
            } else {
                items.add(item());
            }
        }

        private Item item() throws IOException {
            if (!json.isNext('{')) {
                json.skip();
                return new Item("", Status.NONE);
            }
            id = "";
            Status[] found = {Status.NONE};
            json.object(name -> {
                if (name.equals("status")) {
                    found[0] = status();
                } else if (name.equals("id") && json.isNext('"')) {
                    id = cut(json.string());
                } else {
                    json.skip();
                }
            });
            return new Item(id, found[0]);
        }

        private Status status() throws IOException {
            code = 0;
            description = "";
            details = "";
            if (!json.isNext('{')) {
                json.skip();
                return Status.NONE;
            }
            json.object(this::statusMember);
            return new Status(code, cut(hide.apply(description)), cut(hide.apply(details)));
        }

        /** What is longer is no id of ours, and no words that anybody reads. */
        private static String cut(String text) {
            return text.length() <= KEPT_LENGTH_MAX ? text : text.substring(0, KEPT_LENGTH_MAX);
        }

        private void statusMember(String name) throws IOException {
            if (name.equals("code")) {
                code = json.integer();
            } else if (name.equals("description") && json.isNext('"')) {
                description = json.string();
            } else if (name.equals("details") && json.isNext('"')) {
                details = json.string();
            } else {
                json.skip();
            }
        }
    }
}
