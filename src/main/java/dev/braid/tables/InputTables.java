package dev.braid.tables;

import dev.braid.InputException;
import dev.braid.failure.Diagnosis;
import dev.braid.failure.TransientException;
import dev.braid.storage.TablePath;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;

/** The tables that a run reads, by path or name. Spark's catalog is asked once for each. Driver only. */
public final class InputTables {
    private final SparkSession session;
    private final Map<String, Optional<CatalogTable>> found = new HashMap<>();

    /** Tables that a session can read. */
    public InputTables(SparkSession session) {
        this.session = session;
    }

    public SparkSession session() {
        return session;
    }

    /**
     * Checks that there is a table at each path, or with each name, before anything expensive is done.
     *
     * @return where each table is: a path or a pattern
     * @throws InputException naming every text that leads to no table or cannot be looked up
     * @throws TransientException if the catalog does not answer
     */
    public List<String> places(Collection<String> tables) {
        Configuration hadoop = session.sparkContext().hadoopConfiguration();
        List<String> places = new ArrayList<>();
        List<String> problems = new ArrayList<>();
        for (String table : new LinkedHashSet<>(tables)) {
            try {
                Optional<CatalogTable> named = named(table);
                if (named.isEmpty()) {
                    TablePath.resolve(table, hadoop);
                }
                places.add(named.map(CatalogTable::location).orElse(table));
            } catch (InputException absent) {
                problems.add("table '" + table + "': " + absent.getMessage());
            } catch (TransientException unanswered) {
                throw unanswered;
            } catch (Exception failure) { // Spark throws checked exceptions that it does not declare
                String problem = "table '" + table + "': expected a path that can be opened, got "
                        + Diagnosis.of(failure).cause();
                if (!Diagnosis.isPermanent(failure)) {
                    throw new InputException("Cannot open feature tables:\n  " + problem, failure);
                }
                problems.add(problem);
            }
        }
        if (!problems.isEmpty()) {
            throw InputException.of("Cannot open feature tables", problems);
        }
        return places;
    }

    /** The table of the catalog that {@code table} names; empty if it is a path or names no table. */
    Optional<CatalogTable> named(String table) throws IOException {
        Optional<CatalogTable> known = found.get(table);
        if (known == null) {
            known = CatalogTable.find(session, table);
            found.put(table, known);
        }
        return known;
    }

    /** The same features with all names of one catalog table merged, because a join must read a single snapshot of it. */
    Map<String, List<FeatureColumn>> byTable(Map<String, List<FeatureColumn>> features) {
        Map<String, String> first = new HashMap<>();
        Map<String, List<FeatureColumn>> byTable = new LinkedHashMap<>();
        features.forEach((text, own) -> byTable.computeIfAbsent(
                        first.computeIfAbsent(place(text), place -> text), table -> new ArrayList<>())
                .addAll(own));
        return byTable;
    }

    /** A text that is equal for all spellings of one table. An error of the look-up is reported when the table is opened. */
    private String place(String text) {
        try {
            return named(text)
                    .map(table -> "catalog " + new Path(table.location()))
                    .orElse(text);
        } catch (IOException | InputException | TransientException reported) {
            return text;
        }
    }
}
