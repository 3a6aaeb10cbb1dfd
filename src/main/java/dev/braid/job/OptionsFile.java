package dev.braid.job;

import dev.braid.InputException;
import dev.braid.NearestName;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/**
 * Options from a properties file. A key is an option name without dashes ({@code max-tokens = 4096}). If the option is
 * given once per modality, a dot and the modality follow ({@code features.visual = PATH}). A key with an empty value is
 * ignored.
 *
 * @param name the path as the user gave it
 * @param values key to value, neither empty
 */
record OptionsFile(String name, Map<String, String> values) {

    /**
     * Reads a local file, or a file of a Hadoop file system if the path has a scheme.
     *
     * @throws InputException if the file does not exist or cannot be read
     * @throws UsageException if it is not a properties file or has a key twice
     */
    static OptionsFile read(String name) {
        OnceOnly properties = new OnceOnly();
        try (Reader reader = new InputStreamReader(open(name), StandardCharsets.UTF_8)) {
            properties.load(reader);
        } catch (NoSuchFileException | java.io.FileNotFoundException e) {
            throw new InputException("Cannot read options file '" + name + "': expected a file, got none", e);
        } catch (IOException e) {
            throw new InputException("Cannot read options file '" + name + "': " + e.getMessage(), e);
        } catch (IllegalArgumentException e) {
            throw new UsageException("Cannot read options file '" + name
                    + "': expected a properties file in UTF-8, got a malformed escape after a backslash");
        }
        if (!properties.repeated.isEmpty()) {
            throw new UsageException("Cannot read options file '" + name + "': expected each key once, got '"
                    + String.join("', '", properties.repeated) + "' twice");
        }
        Map<String, String> values = new TreeMap<>();
        properties.forEach((key, value) -> {
            String text = ((String) value).strip();
            if (!text.isEmpty()) {
                values.put((String) key, text);
            }
        });
        return new OptionsFile(name, values);
    }

    /**
     * Checks that every key is an option of {@code command}.
     *
     * @throws UsageException if some are not; the message lists each with the nearest option
     */
    void checkKeys(CommandSpec command) {
        List<String> unknown = new ArrayList<>();
        for (String key : values.keySet()) {
            if (option(command, key) == null) {
                unknown.add("'" + key + "'" + nearest(key, command));
            }
        }
        if (!unknown.isEmpty()) {
            throw new UsageException("Cannot read options file '" + name + "': expected options of 'braid "
                    + command.name() + "' without their dashes, got " + String.join(", ", unknown));
        }
    }

    /**
     * The arguments to add to a command line: the file's options that the command line does not set. Options that are given
     * once per modality are compared per modality. {@code --paired} on the command line also drops the file's {@code
     * features}, and {@code --features} drops its {@code paired}. {@code --mask} or {@code --length} drops both options of
     * the file for the same modality.
     */
    List<String> argumentsNotSetBy(ParseResult commandLine) {
        CommandSpec command = commandLine.commandSpec();
        List<String> arguments = new ArrayList<>();
        values.forEach((key, value) -> {
            OptionSpec option = option(command, key);
            if (!isSetBy(commandLine, option, modality(key))) {
                String assigned = modality(key).isEmpty() ? value : modality(key) + "=" + value;
                arguments.add(option.longestName() + "=" + assigned);
            }
        });
        return arguments;
    }

    private static boolean isSetBy(ParseResult commandLine, OptionSpec option, String modality) {
        String rival = switch (option.longestName()) {
            case "--features" -> "--paired";
            case "--paired" -> "--features";
            default -> option.longestName();
        };
        if (!rival.equals(option.longestName()) && commandLine.hasMatchedOption(rival)) {
            return true;
        }
        return switch (option.longestName()) {
            case "--mask", "--length" ->
                isSetBy(commandLine, "--mask", modality) || isSetBy(commandLine, "--length", modality);
            default -> isSetBy(commandLine, option.longestName(), modality);
        };
    }

    private static boolean isSetBy(ParseResult commandLine, String option, String modality) {
        if (!commandLine.hasMatchedOption(option)) {
            return false;
        }
        if (modality.isEmpty()) {
            return true;
        }
        List<Assignment> given = commandLine.matchedOptionValue(option, List.of());
        return given.stream().anyMatch(assignment -> assignment.modality().equals(modality));
    }

    /** The option that a key of a file names, or null. */
    static OptionSpec option(CommandSpec command, String key) {
        boolean perModality = key.indexOf('.') > 0;
        OptionSpec option = command.findOption("--" + (perModality ? key.substring(0, key.indexOf('.')) : key));
        if (option == null || !inFile(option) || perModality != isPerModality(option)) {
            return null;
        }
        return perModality && modality(key).isEmpty() ? null : option;
    }

    /** Whether a file may set {@code option}: any option except help, version and {@code --options} itself. */
    static boolean inFile(OptionSpec option) {
        return !option.usageHelp()
                && !option.versionHelp()
                && !option.longestName().equals("--options");
    }

    static boolean isPerModality(OptionSpec option) {
        return option.auxiliaryTypes()[0] == Assignment.class;
    }

    private static String modality(String key) {
        int dot = key.indexOf('.');
        return dot < 0 ? "" : key.substring(dot + 1);
    }

    /** The suggestion that follows an unknown key in a message; empty if no option is near. */
    private static String nearest(String key, CommandSpec command) {
        int dot = key.indexOf('.');
        Map<String, String> known = new LinkedHashMap<>();
        for (OptionSpec option : command.options()) {
            if (inFile(option)) {
                String bare = option.longestName().substring(2);
                known.put(bare, isPerModality(option) ? bare + "." + (dot < 0 ? "MODALITY" : modality(key)) : bare);
            }
        }
        return NearestName.of(dot < 0 ? key : key.substring(0, dot), known.keySet())
                .map(bare -> " (the nearest is '" + known.get(bare) + "')")
                .orElse("");
    }

    private static InputStream open(String name) throws IOException {
        if (name.matches("[A-Za-z][A-Za-z0-9+.-]+:/.*")) {
            try {
                var path = new org.apache.hadoop.fs.Path(name);
                return path.getFileSystem(Session.hadoop()).open(path);
            } catch (IllegalArgumentException e) { // a host or path that Hadoop rejects
                throw new IOException(e.getMessage(), e);
            }
        }
        return Files.newInputStream(Path.of(name));
    }

    /** Records repeated keys; plain {@link Properties} silently keep the last value. */
    private static final class OnceOnly extends Properties {
        private static final long serialVersionUID = 1L;

        private final transient List<String> repeated = new ArrayList<>();

        @Override
        public synchronized Object put(Object key, Object value) {
            Object before = super.put(key, value);
            if (before != null) {
                repeated.add((String) key);
            }
            return before;
        }
    }
}
