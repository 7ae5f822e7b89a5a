package collectors.connect;

/** An input that is to go to the dead letters, and the destination's code and words, or our own. */
record Refusal(PendingInput input, String words) {
}
