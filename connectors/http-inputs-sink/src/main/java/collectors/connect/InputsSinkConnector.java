package collectors.connect;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.config.Config;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigValue;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.sink.SinkConnector;

/** Posts the inputs of an app's topic to that app's destination: {@code POST …/v2/users/<user>/apps/<app>/inputs}. */
public final class InputsSinkConnector extends SinkConnector {
    static final String VERSION = "0.1.0";

    private Map<String, String> properties = Map.of();

    @Override
    public String version() {
        return VERSION;
    }

    @Override
    public ConfigDef config() {
        return InputsSinkConfig.DEFINITION;
    }

    /** What the options say together; each by itself is checked by their definition. */
    @Override
    public Config validate(Map<String, String> given) {
        Config config = super.validate(given);
        InputsSinkConfig.problems(given).forEach((option, problem) -> valueOf(config, option).addErrorMessage(problem));
        return config;
    }

    private static ConfigValue valueOf(Config config, String option) {
        for (ConfigValue value : config.configValues()) {
            if (value.name().equals(option)) {
                return value;
            }
        }
        throw new IllegalArgumentException("a problem of an option that is not defined: " + option);
    }

    @Override
    public void start(Map<String, String> given) {
        new InputsSinkConfig(given);
        properties = Map.copyOf(given);
    }

    @Override
    public Class<? extends Task> taskClass() {
        return InputsSinkTask.class;
    }

    /** The same options for every task; the cap on requests is the connector's, so each task gets its share of it. */
    @Override
    public List<Map<String, String>> taskConfigs(int tasks) {
        double cap = new InputsSinkConfig(properties).getDouble(InputsSinkConfig.REQUESTS_PER_SECOND_MAX);
        List<Map<String, String>> configs = new ArrayList<>(tasks);
        for (int number = 0; number < tasks; number++) {
            Map<String, String> config = new TreeMap<>(properties);
            config.put(InputsSinkConfig.REQUESTS_PER_SECOND_MAX, Double.toString(cap / tasks));
            config.put(InputsSinkConfig.TASK, Integer.toString(number));
            configs.add(config);
        }
        return configs;
    }

    @Override
    public void stop() {
        properties = Map.of();
    }
}
