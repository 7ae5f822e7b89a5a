package collectors.connect;

import java.util.ArrayList;
import java.util.List;

/**
 * Inputs that travel in one request.
 *
 * @param attempts how often it was sent in vain
 */
record Batch(List<PendingInput> inputs, int attempts) {
    /** The same once more. */
    Batch again() {
        return new Batch(inputs, attempts + 1);
    }

    List<Batch> halves() {
        int middle = inputs.size() / 2;
        return List.of(new Batch(inputs.subList(0, middle), 0), new Batch(inputs.subList(middle, inputs.size()), 0));
    }

    List<byte[]> bodies() {
        List<byte[]> bodies = new ArrayList<>(inputs.size());
        inputs.forEach(input -> bodies.add(input.body()));
        return bodies;
    }

    /** The inputs' ids, null for one that has none. */
    List<byte[]> ids() {
        List<byte[]> ids = new ArrayList<>(inputs.size());
        inputs.forEach(input -> ids.add(input.id()));
        return ids;
    }
}
