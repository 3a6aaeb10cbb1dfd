package dev.braid.ml;

import dev.braid.InputException;
import dev.braid.tables.SelectionColumn;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.spark.ml.param.BooleanParam;
import org.apache.spark.ml.param.DoubleParam;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.Params;
import org.apache.spark.ml.param.StringArrayParam;

/** Reads the values of parameters and collects all problems. */
final class ParamValues {
    private final Params params;
    private final List<String> problems = new ArrayList<>();

    ParamValues(Params params) {
        this.params = params;
    }

    /**
     * Throws if any value was wrong. Call it after all values are read.
     *
     * @throws InputException that lists all problems
     */
    void refuseWrong() {
        if (!problems.isEmpty()) {
            throw InputException.of("Cannot read the parameters of '" + params.uid() + "'", problems);
        }
    }

    /** The value that was set, otherwise the default, otherwise null. */
    private <T> T value(Param<T> param) {
        return params.isDefined(param) ? params.getOrDefault(param) : null;
    }

    /** The text without surrounding spaces; null if it is not set or blank. */
    String text(Param<String> param) {
        String text = value(param);
        return text == null || text.isBlank() ? null : text.strip();
    }

    String required(Param<String> param) {
        String text = text(param);
        if (text == null) {
            wrong(param, param.doc(), "none");
        }
        return text;
    }

    boolean flag(BooleanParam param) {
        return (boolean) params.getOrDefault(param);
    }

    int atLeastOne(IntParam param) {
        int number = (int) params.getOrDefault(param);
        if (number < 1) {
            wrong(param, "a whole number of at least 1", String.valueOf(number));
        }
        return number;
    }

    double positive(DoubleParam param) {
        double number = (double) params.getOrDefault(param);
        if (!(number > 0 && Double.isFinite(number))) {
            wrong(param, "a positive number", String.valueOf(number));
        }
        return number;
    }

    /** The value that a name stands for; null if the name is wrong, or if neither a value nor a default is set. */
    <T> T one(Param<String> param, Function<T, String> name, List<T> all) {
        String text = text(param);
        if (text == null && !params.hasDefault(param)) {
            return null;
        }
        return named(param, text == null ? "" : text, name, all);
    }

    /** The values that the names stand for; at least one name is required. */
    <T> Set<T> some(StringArrayParam param, Function<T, String> name, List<T> all) {
        Set<T> found = new LinkedHashSet<>();
        for (String text : value(param)) {
            found.add(named(param, text.strip(), name, all));
        }
        if (found.isEmpty()) {
            wrong(param, param.doc(), "nothing");
        }
        return found;
    }

    private <T> T named(Param<?> param, String text, Function<T, String> name, List<T> all) {
        for (T each : all) {
            if (name.apply(each).equals(text)) {
                return each;
            }
        }
        wrong(param, all.stream().map(name).collect(Collectors.joining(", ")), "'" + text + "'");
        return null;
    }

    /** The values by modality, from entries {@code MODALITY=VALUE}. */
    Map<String, String> byModality(StringArrayParam param) {
        Map<String, String> values = new LinkedHashMap<>();
        for (String entry : value(param)) {
            int equals = entry.indexOf('=');
            if (equals < 1 || equals == entry.length() - 1) {
                wrong(param, "MODALITY=VALUE", "'" + entry + "'");
                continue;
            }
            String modality = entry.substring(0, equals).strip();
            if (values.put(modality, entry.substring(equals + 1).strip()) != null) {
                wrong(param, "modality '" + modality + "' once", "it twice");
            }
        }
        return values;
    }

    /** Like {@link #byModality(StringArrayParam)}, for values that must be among {@code all}, by their names. */
    <T> Map<String, T> byModality(StringArrayParam param, Function<T, String> name, List<T> all) {
        Map<String, T> values = new LinkedHashMap<>();
        byModality(param).forEach((modality, text) -> values.put(modality, named(param, text, name, all)));
        return values;
    }

    /** The columns that select tokens, by modality. */
    Map<String, SelectionColumn> selections(StringArrayParam mask, StringArrayParam length) {
        Map<String, SelectionColumn> columns = new LinkedHashMap<>();
        byModality(mask).forEach((modality, column) -> columns.put(modality, SelectionColumn.mask(column)));
        byModality(length).forEach((modality, column) -> {
            if (columns.put(modality, SelectionColumn.length(column)) != null) {
                wrong(length, "modality '" + modality + "' here or in 'mask'", "it in both");
            }
        });
        return columns;
    }

    private void wrong(Param<?> param, String expected, String got) {
        problems.add("'" + param.name() + "': expected " + expected + ", got " + got);
    }
}
