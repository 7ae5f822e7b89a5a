package collectors.connect;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/**
 * The destination over HTTP. The client is shared by all tasks of a worker, since each client costs threads and a thousand connectors fit
 * into one worker; nothing in it waits for a destination, so one that is down does not hold up another.
 */
final class Destination {
    static final Executor THREADS = Executors.newCachedThreadPool(Daemon.named("inputs-sink-http"));
    private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(10);
    // Redirects are not followed: the key is for this address only.
    private static final HttpClient CLIENT = HttpClient.newBuilder()
        .version(HttpClient.Version.HTTP_1_1).connectTimeout(CONNECT_TIMEOUT).executor(THREADS).build();

    private final URI uri;
    private final String key;
    private final Duration timeout;

    Destination(InputsSinkConfig config) {
        uri = config.inputsUri();
        key = config.key();
        timeout = config.duration(InputsSinkConfig.REQUEST_TIMEOUT_MS);
    }

    /** A request on its way. */
    final class Exchange {
        private final CompletableFuture<HttpResponse<InputStream>> sent;
        private final CompletableFuture<Answer> answer;
        private final int inputs;
        private volatile InputStream body;
        private volatile boolean aborted;

        private Exchange(HttpRequest request, int inputs) {
            this.inputs = inputs;
            sent = CLIENT.sendAsync(request, BodyHandlers.ofInputStream());
            // The client's own time-out ends with the headers; this one is for the whole answer.
            answer = sent.thenApplyAsync(this::read, THREADS).orTimeout(timeout.toMillis(), TimeUnit.MILLISECONDS);
        }

        /** The answer; failed when there was none, in time or at all. */
        CompletableFuture<Answer> answer() {
            return answer;
        }

        /** Let go of the connection, whatever has come so far. */
        void abort() {
            aborted = true;
            sent.cancel(true);
            close(body);
        }

        private Answer read(HttpResponse<InputStream> response) {
            try (InputStream stream = response.body()) {
                body = stream;
                if (aborted) {
                    throw new IOException("aborted");
                }
                String retryAfter = response.headers().firstValue("Retry-After").orElse(null);
                return Answer.read(response.statusCode(), retryAfter, stream, inputs, Destination.this::hide);
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }
    }

    Exchange post(Batch batch) {
        HttpRequest request = HttpRequest.newBuilder(uri)
            .header("Authorization", "Key " + key)
            .header("Content-Type", "application/json")
            .header("Accept", "application/json")
            .header("User-Agent", "collectors-inputs-sink/" + InputsSinkConnector.VERSION)
            .POST(RequestBody.of(batch.bodies()))
            .build();
        return new Exchange(request, batch.inputs().size());
    }

    private String hide(String text) {
        return text.replace(key, "[hidden]");
    }

    private static void close(InputStream stream) {
        if (stream == null) {
            return;
        }
        try {
            stream.close();
        } catch (IOException ignored) {
            // Nobody reads from it any more.
        }
    }
}
