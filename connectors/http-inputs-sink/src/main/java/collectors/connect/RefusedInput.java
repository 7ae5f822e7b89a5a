package collectors.connect;

import org.apache.kafka.connect.errors.ConnectException;

/** An input that its destination refused; the message is the destination's code and words, and ends in the dead letter's headers. */
public final class RefusedInput extends ConnectException {
    private static final long serialVersionUID = 1;

    RefusedInput(String words) {
        super(words);
    }

    /** Where in this plugin it was made tells nobody anything. */
    @Override
    public synchronized Throwable fillInStackTrace() {
        return this;
    }
}
