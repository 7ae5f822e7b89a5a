package collectors.connect;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Reads JSON (RFC 8259) as it comes, holding no more than a buffer and the text that is asked for.
 *
 * <p>Kafka Connect gives plugins no JSON library of its own, and this is all that is needed: walk an object, take a few members, skip the
 * rest. Structure, strings and their escapes are checked; numbers and UTF-8 only as far as the structure depends on them.
 */
final class JsonReader {
    private static final int DEPTH_MAX = 1_000;
    private static final int BUFFER_BYTES = 8_192;
    private static final int KEPT_BYTES_MAX = 1 << 20;
    private static final int WORD_LENGTH_MAX = 400;
    private static final byte[] TRUE = "true".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] FALSE = "false".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] NULL = "null".getBytes(StandardCharsets.US_ASCII);

    private final InputStream in;
    private final byte[] buffer;
    private int position;
    private int limit;
    private int depth;
    private final byte[] word = new byte[WORD_LENGTH_MAX];
    private int wordLength;

    JsonReader(InputStream in) {
        this.in = in;
        this.buffer = new byte[BUFFER_BYTES];
    }

    private JsonReader(byte[] text) {
        this.in = new ByteArrayInputStream(new byte[0]);
        this.buffer = text;
        this.limit = text.length;
    }

    /** The text is not JSON. */
    static final class NotJson extends IOException {
        private static final long serialVersionUID = 1;

        NotJson(String message) {
            super(message);
        }
    }

    /** Takes a member's value. */
    interface Member {
        void take(String name) throws IOException;
    }

    /** Takes an element. */
    interface Element {
        void take() throws IOException;
    }

    /** Whether a text is one JSON object and nothing else. */
    static boolean isObject(byte[] text) {
        JsonReader reader = new JsonReader(text);
        try {
            boolean object = reader.isNext('{');
            reader.skip();
            return object && reader.peek() < 0;
        } catch (IOException error) {
            return false;
        }
    }

    /** A text as a JSON string. */
    static String quoted(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char next : text.toCharArray()) {
            if (next == '"' || next == '\\') {
                quoted.append('\\').append(next);
            } else if (next < ' ') {
                quoted.append(String.format("\\u%04x", (int) next));
            } else {
                quoted.append(next);
            }
        }
        return quoted.append('"').toString();
    }

    /** Whether the next value begins so: {@code '{'}, {@code '['} or {@code '"'}. */
    boolean isNext(char first) throws IOException {
        return peek() == first;
    }

    /** Go through an object; {@code member} must take each value. */
    void object(Member member) throws IOException {
        enter('{');
        if (!left('}')) {
            do {
                String name = string();
                expect(':');
                member.take(name);
            } while (next('}'));
        }
        depth--;
    }

    /** Go through an array; {@code element} must take each value. */
    void array(Element element) throws IOException {
        enter('[');
        if (!left(']')) {
            do {
                element.take();
            } while (next(']'));
        }
        depth--;
    }

    /** Go past the next value, whatever it is. */
    void skip() throws IOException {
        switch (peek()) {
            case '{' -> skipObject();
            case '[' -> array(this::skip);
            case '"' -> text(null);
            default -> word();
        }
    }

    /** As {@link #object}, without making texts of the names. */
    private void skipObject() throws IOException {
        enter('{');
        if (!left('}')) {
            do {
                text(null);
                expect(':');
                skip();
            } while (next('}'));
        }
        depth--;
    }

    String string() throws IOException {
        ByteArrayOutputStream raw = new ByteArrayOutputStream();
        text(raw);
        String text = raw.toString(StandardCharsets.UTF_8);
        return text.indexOf('\\') < 0 ? text : unescape(text);
    }

    /** A whole number; 0 for any other value. */
    int integer() throws IOException {
        if (isNext('{') || isNext('[') || isNext('"')) {
            skip();
            return 0;
        }
        word();
        try {
            return Integer.parseInt(new String(word, 0, wordLength, StandardCharsets.US_ASCII));
        } catch (NumberFormatException error) {
            return 0;
        }
    }

    private void enter(char bracket) throws IOException {
        expect(bracket);
        if (++depth > DEPTH_MAX) {
            throw new NotJson("nested deeper than " + DEPTH_MAX);
        }
    }

    /** Whether the bracket that was just entered is left at once. */
    private boolean left(char bracket) throws IOException {
        if (peek() != bracket) {
            return false;
        }
        position++;
        return true;
    }

    /** Whether another one follows after a comma; otherwise the closing bracket is taken. */
    private boolean next(char bracket) throws IOException {
        if (peek() == ',') {
            position++;
            return true;
        }
        expect(bracket);
        return false;
    }

    private void expect(char wanted) throws IOException {
        if (peek() != wanted) {
            throw new NotJson("'" + wanted + "' is missing");
        }
        position++;
    }

    /** The next byte that is no space, which stays; -1 at the end. */
    private int peek() throws IOException {
        while (position < limit || fill()) {
            byte next = buffer[position];
            if (next != ' ' && next != '\n' && next != '\r' && next != '\t') {
                return next & 0xff;
            }
            position++;
        }
        return -1;
    }

    private int take() throws IOException {
        if (position == limit && !fill()) {
            throw new NotJson("it ends too early");
        }
        return buffer[position++] & 0xff;
    }

    private boolean fill() throws IOException {
        position = 0;
        limit = Math.max(0, in.read(buffer, 0, buffer.length));
        return limit > 0;
    }

    /** A string, as it stands between its quotes; null: it is only gone past. */
    private void text(ByteArrayOutputStream raw) throws IOException {
        expect('"');
        while (true) {
            plain(raw);
            int next = take();
            if (next == '"') {
                return;
            }
            if (next != '\\') {
                throw new NotJson("a control character inside a string");
            }
            keep(raw, next);
            escape(raw);
        }
    }

    /** The bytes of a string that stand for themselves, as far as the buffer goes: most of what is ever read is one long run of them. */
    private void plain(ByteArrayOutputStream raw) throws IOException {
        do {
            byte[] bytes = buffer;
            int end = limit;
            int at = position;
            while (at < end && bytes[at] != '"' && bytes[at] != '\\' && (bytes[at] >= ' ' || bytes[at] < 0)) {
                at++;
            }
            if (raw != null) {
                require(raw.size() + at - position);
                raw.write(bytes, position, at - position);
            }
            position = at;
        } while (position == limit && fill());
    }

    private void escape(ByteArrayOutputStream raw) throws IOException {
        int kind = take();
        keep(raw, kind);
        if (kind == 'u') {
            for (int i = 0; i < 4; i++) {
                int digit = take();
                if (Character.digit(digit, 16) < 0) {
                    throw new NotJson("no hex digit");
                }
                keep(raw, digit);
            }
        } else if ("\"\\/bfnrt".indexOf(kind) < 0) {
            throw new NotJson("an unknown escape");
        }
    }

    private static void keep(ByteArrayOutputStream raw, int next) throws NotJson {
        if (raw != null) {
            require(raw.size() + 1);
            raw.write(next);
        }
    }

    private static void require(int kept) throws NotJson {
        if (kept > KEPT_BYTES_MAX) {
            throw new NotJson("a name or a text of more than " + KEPT_BYTES_MAX + " bytes");
        }
    }

    private static String unescape(String raw) {
        StringBuilder text = new StringBuilder(raw.length());
        for (int i = 0; i < raw.length(); i++) {
            char next = raw.charAt(i);
            if (next != '\\') {
                text.append(next);
                continue;
            }
            char kind = raw.charAt(++i);
            switch (kind) {
                case 'b' -> text.append('\b');
                case 'f' -> text.append('\f');
                case 'n' -> text.append('\n');
                case 'r' -> text.append('\r');
                case 't' -> text.append('\t');
                case 'u' -> {
                    text.append((char) Integer.parseInt(raw.substring(i + 1, i + 5), 16));
                    i += 4;
                }
                default -> text.append(kind);
            }
        }
        return text.toString();
    }

    /** A number, true, false or null, into {@link #word}, or the beginning of a number that is longer. */
    private void word() throws IOException {
        wordLength = 0;
        peek();
        while ((position < limit || fill()) && wordLength < word.length && isOfWord(buffer[position])) {
            word[wordLength++] = buffer[position++];
        }
        while (wordLength == word.length && (position < limit || fill()) && isOfNumber(buffer[position])) {
            position++;
        }
        if (!isNumber() && !isWord(TRUE) && !isWord(FALSE) && !isWord(NULL)) {
            throw new NotJson("neither a value nor an end");
        }
    }

    private static boolean isOfWord(byte letter) {
        return isDigit(letter) || (letter >= 'a' && letter <= 'z') || letter == '.' || letter == '-' || letter == '+' || letter == 'E';
    }

    private static boolean isOfNumber(byte letter) {
        return isDigit(letter) || letter == '.' || letter == 'e' || letter == 'E' || letter == '+' || letter == '-';
    }

    private static boolean isDigit(byte letter) {
        return letter >= '0' && letter <= '9';
    }

    private boolean isWord(byte[] wanted) {
        return Arrays.equals(word, 0, wordLength, wanted, 0, wanted.length);
    }

    /** Whether it begins and looks like a number; how many points it has is the destination's business. */
    private boolean isNumber() {
        int first = wordLength > 0 && word[0] == '-' ? 1 : 0;
        if (first >= wordLength || !isDigit(word[first])) {
            return false;
        }
        for (int i = first; i < wordLength; i++) {
            if (!isOfNumber(word[i])) {
                return false;
            }
        }
        return true;
    }
}
