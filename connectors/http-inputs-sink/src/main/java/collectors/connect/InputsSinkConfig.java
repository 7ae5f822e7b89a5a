package collectors.connect;

import static org.apache.kafka.common.config.ConfigDef.Importance.HIGH;
import static org.apache.kafka.common.config.ConfigDef.Importance.LOW;
import static org.apache.kafka.common.config.ConfigDef.Importance.MEDIUM;
import static org.apache.kafka.common.config.ConfigDef.NO_DEFAULT_VALUE;
import static org.apache.kafka.common.config.ConfigDef.Range.atLeast;
import static org.apache.kafka.common.config.ConfigDef.Range.between;

import java.net.URI;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Type;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.config.types.Password;

/** The connector's options. */
final class InputsSinkConfig extends AbstractConfig {
    static final String URL = "destination.url";
    static final String USER = "destination.user.id";
    static final String APP = "destination.app.id";
    static final String KEY_ID = "destination.key.id";
    static final String KEY = "destination.key";
    static final String BATCH_INPUTS_MAX = "batch.inputs.max";
    static final String BATCH_BYTES_MAX = "batch.bytes.max";
    static final String QUEUE_BYTES_MAX = "queue.bytes.max";
    static final String REQUESTS_IN_FLIGHT_MAX = "requests.in.flight.max";
    static final String REQUESTS_PER_SECOND_MAX = "requests.per.second.max";
    static final String REQUEST_TIMEOUT_MS = "request.timeout.ms";
    static final String RETRY_BACKOFF_MS = "retry.backoff.ms";
    static final String RETRY_BACKOFF_MAX_MS = "retry.backoff.max.ms";
    /** Set by the connector itself: which of its tasks this is. */
    static final String TASK = "collectors.task";

    static final ConfigDef DEFINITION = new ConfigDef()
        .define(URL, Type.STRING, NO_DEFAULT_VALUE, InputsSinkConfig::checkUrl, HIGH,
            "Where the app's inputs go, without /v2/users/…: the app's destination_url.")
        .define(USER, Type.STRING, NO_DEFAULT_VALUE, InputsSinkConfig::checkId, HIGH, "The destination app's owner.")
        .define(APP, Type.STRING, NO_DEFAULT_VALUE, InputsSinkConfig::checkId, HIGH, "The destination app.")
        .define(KEY_ID, Type.STRING, NO_DEFAULT_VALUE, InputsSinkConfig::checkId, HIGH, "The key's id, for errors: never the key itself.")
        .define(KEY, Type.PASSWORD, NO_DEFAULT_VALUE, InputsSinkConfig::checkKey, HIGH,
            "The key's secret, by a config provider: ${directory:<folder>:<user>.<app>.<key>}.")
        .define(BATCH_INPUTS_MAX, Type.INT, 128, between(1, 10_000), MEDIUM, "Most inputs in one request.")
        .define(BATCH_BYTES_MAX, Type.LONG, 128_000_000L, between(1_000, Integer.MAX_VALUE), MEDIUM,
            "Most bytes in one request; a larger input goes to the dead letters.")
        .define(QUEUE_BYTES_MAX, Type.LONG, 64_000_000L, atLeast(1_000), MEDIUM,
            "A task stops reading while it holds more bytes than this that are not delivered; what it was just given comes on top.")
        .define(REQUESTS_IN_FLIGHT_MAX, Type.INT, 4, between(1, 100), MEDIUM, "Most requests of a partition at one time.")
        .define(REQUESTS_PER_SECOND_MAX, Type.DOUBLE, 0.0, atLeast(0), MEDIUM, "Most requests of the whole connector a second; 0: no cap.")
        .define(REQUEST_TIMEOUT_MS, Type.LONG, 60_000L, atLeast(1), MEDIUM, "A request that is not answered whole in this time is sent again.")
        .define(RETRY_BACKOFF_MS, Type.LONG, 500L, atLeast(1), LOW, "The wait before the first retry; doubled for each further one.")
        .define(RETRY_BACKOFF_MAX_MS, Type.LONG, 30_000L, atLeast(1), LOW, "The longest wait before a retry that the destination did not ask for.")
        .defineInternal(TASK, Type.INT, 0, LOW);

    private static final Pattern ID = Pattern.compile("[A-Za-z0-9][A-Za-z0-9_-]*");
    private static final Pattern VISIBLE_ASCII = Pattern.compile("[!-~]+");

    InputsSinkConfig(Map<String, String> given) {
        super(DEFINITION, given);
        problems(given).forEach((option, problem) -> {
            throw new ConfigException(problem);
        });
    }

    /** Option to problem, for what no option can tell by itself; values are not repeated, since one of them is secret. */
    static Map<String, String> problems(Map<String, String> given) {
        Map<String, String> problems = new LinkedHashMap<>();
        if (!"all".equalsIgnoreCase(given.get("errors.tolerance")) || given.getOrDefault("errors.deadletterqueue.topic.name", "").isBlank()) {
            problems.put(URL, "refused inputs would be lost: set errors.tolerance=all and errors.deadletterqueue.topic.name");
        }
        if (given.getOrDefault(KEY, "").startsWith("${")) {
            problems.put(KEY, "the secret of key '" + given.get(KEY_ID) + "' is not in the secret store of this worker: put it there");
        }
        return problems;
    }

    URI inputsUri() {
        String base = getString(URL).replaceAll("/+$", "");
        return URI.create(base + "/v2/users/" + getString(USER) + "/apps/" + getString(APP) + "/inputs");
    }

    /** The destination as people know it. */
    String destination() {
        return getString(USER) + "/" + getString(APP);
    }

    String key() {
        return getPassword(KEY).value().strip();
    }

    Duration duration(String option) {
        return Duration.ofMillis(getLong(option));
    }

    private static void checkUrl(String name, Object value) {
        URI uri;
        try {
            uri = URI.create(String.valueOf(value));
        } catch (IllegalArgumentException error) {
            throw new ConfigException(name + " is no URL");
        }
        if (uri.getHost() == null || !("http".equals(uri.getScheme()) || "https".equals(uri.getScheme()))) {
            throw new ConfigException(name + " must be http://host… or https://host…");
        }
        if (uri.getUserInfo() != null || uri.getQuery() != null || uri.getFragment() != null) {
            throw new ConfigException(name + " may hold a host and a path only: anybody who sees this configuration sees the rest");
        }
    }

    private static void checkId(String name, Object value) {
        if (value != null && !ID.matcher(value.toString()).matches()) {
            throw new ConfigException(name, value, "letters, digits, '_' and '-', the first of them a letter or a digit");
        }
    }

    /** The secret goes into a header, whose own checks would repeat it in their errors. */
    private static void checkKey(String name, Object value) {
        if (value != null && !VISIBLE_ASCII.matcher(((Password) value).value().strip()).matches()) {
            throw new ConfigException(name + " must be visible ASCII characters without a space");
        }
    }
}
