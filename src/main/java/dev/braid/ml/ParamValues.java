package dev.braid.ml;

import dev.braid.InputException;
import dev.braid.spark.SelectionColumn;
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

/** Reads values of parameters and collects what is wrong with them. */
final class ParamValues {
    private final Params params;
    private final List<String> problems = new ArrayList<>();

    ParamValues(Params params) {
        this.params = params;
    }

    /**
     * To be called at the end.
     *
     * @throws InputException with every problem that was found
     */
    void refuseWrong() {
        if (!problems.isEmpty()) {
            throw InputException.of("Cannot read the parameters of '" + params.uid() + "'", problems);
        }
    }

    /** The value that was set, or else the one by default; null if there is neither. */
    private <T> T value(Param<T> param) {
        return params.isDefined(param) ? params.getOrDefault(param) : null;
    }

    /** Null where it is not set or blank. */
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
            wrong(param, "a whole number from 1 on", String.valueOf(number));
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

    /** One of a few things that have names; null where a wrong one is set, or none and there is none by default. */
    <T> T one(Param<String> param, Function<T, String> name, List<T> all) {
        String text = text(param);
        if (text == null && !params.hasDefault(param)) {
            return null;
        }
        return named(param, text == null ? "" : text, name, all);
    }

    /** Any of a few things that have names, at least one. */
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

    /** The values of entries {@code MODALITY=VALUE}. */
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

    /** The same where each value is one of a few things that have names. */
    <T> Map<String, T> byModality(StringArrayParam param, Function<T, String> name, List<T> all) {
        Map<String, T> values = new LinkedHashMap<>();
        byModality(param).forEach((modality, text) -> values.put(modality, named(param, text, name, all)));
        return values;
    }

    /** The columns that say which tokens are kept. */
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
