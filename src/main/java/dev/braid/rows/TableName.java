package dev.braid.rows;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.sql.AnalysisException;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.analysis.UnresolvedAttribute;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.parser.CatalystSqlParser;

/**
 * The name of a table as Spark parses it. Text that a user types gets into SQL only as the quoted parts of such a name.
 *
 * @param parts without quotes, the table's own name last
 */
public record TableName(List<String> parts) {
    /** A part of a name as {@link Expression#sql} writes it: a plain word, or anything between quotes. */
    private static final Pattern PART = Pattern.compile("\\G(?:(\\w+)|`((?:[^`]|``)+)`)(?:\\.|$)");

    public TableName {
        parts = List.copyOf(parts);
    }

    /** Parses a name; empty if {@code text} is not one. */
    public static Optional<TableName> parse(String text) {
        Expression parsed;
        try {
            parsed = new CatalystSqlParser().parseExpression(text);
        } catch (Exception noName) { // Spark throws checked exceptions that it does not declare
            if (noName instanceof AnalysisException) {
                return Optional.empty();
            }
            throw new IllegalStateException(noName);
        }
        // The parser's own method for names returns a Scala type, which differs between its versions.
        if (!(parsed instanceof UnresolvedAttribute)) {
            return Optional.empty();
        }
        String quoted = parsed.sql();
        List<String> parts = new ArrayList<>();
        Matcher part = PART.matcher(quoted);
        int end = 0;
        while (end < quoted.length() && part.find()) {
            parts.add(part.group(1) != null ? part.group(1) : part.group(2).replace("``", "`"));
            end = part.end();
        }
        return end == quoted.length() ? Optional.of(new TableName(parts)) : Optional.empty();
    }

    /** The name as SQL accepts it, whatever characters it has. */
    public String sql() {
        return parts.stream().map(TableName::quoted).collect(Collectors.joining("."));
    }

    /** One part of a name, such as a column, as Spark parses it, whatever characters it has. */
    public static String quoted(String part) {
        return "`" + part.replace("`", "``") + "`";
    }

    /** The full name: adds the session's current catalog and namespace if this is the table's own name alone. */
    public TableName in(SparkSession session) {
        if (parts.size() > 1) {
            return this;
        }
        List<String> namespace =
                parse(session.catalog().currentDatabase()).map(TableName::parts).orElse(List.of());
        return new TableName(Stream.of(List.of(session.catalog().currentCatalog()), namespace, parts)
                .flatMap(List::stream)
                .toList());
    }

    /** The table's own name. */
    public String last() {
        return parts.get(parts.size() - 1);
    }

    /** The name of the namespace or table that contains it; empty if the name has one part. */
    public Optional<TableName> parent() {
        return parts.size() == 1 ? Optional.empty() : Optional.of(new TableName(parts.subList(0, parts.size() - 1)));
    }

    /** A table inside this one, as Iceberg names the tables about a table. */
    public TableName child(String name) {
        return new TableName(Stream.concat(parts.stream(), Stream.of(name)).toList());
    }
}
