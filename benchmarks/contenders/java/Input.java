package collectors.bench;

/** What is collected: where it goes, and the body. */
record Input(String topic, byte[] body) {}
