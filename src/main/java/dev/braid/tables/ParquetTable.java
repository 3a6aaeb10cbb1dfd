package dev.braid.tables;

import dev.braid.InputException;
import dev.braid.Shown;
import dev.braid.publish.InputFile;
import dev.braid.publish.Manifest;
import dev.braid.rows.FileColumns;
import dev.braid.rows.FileColumns.FileColumn;
import dev.braid.storage.Footers;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.DataFrameReader;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Opens Parquet files as a {@link SourceTable}. Reads only the needed columns, so that others cannot cause a failure. */
public final class ParquetTable {
    private static final Logger log = LoggerFactory.getLogger(ParquetTable.class);

    private ParquetTable() {}

    /**
     * The files at a path.
     *
     * @throws dev.braid.InputException if there are none, or they are not Parquet files
     */
    static SourceTable open(SparkSettings settings, String path, List<FeatureColumn> features, List<String> carried)
            throws IOException {
        Configuration hadoop = settings.session().sparkContext().hadoopConfiguration();
        return open(settings, path, path, TableFiles.at(path, hadoop), new StructType(), features, carried);
    }

    /**
     * Files that are already listed.
     *
     * @param name how messages call the table
     * @param place the path that they were listed at
     * @param partitions columns whose values are in the names of directories, with types that the catalog gives
     */
    static SourceTable open(
            SparkSettings settings,
            String name,
            String place,
            TableFiles files,
            StructType partitions,
            List<FeatureColumn> features,
            List<String> carried)
            throws IOException {
        SparkSession session = settings.session();
        boolean caseSensitive = SourceTable.isCaseSensitive(session);
        Configuration hadoop = session.sparkContext().hadoopConfiguration();
        warn(name, files);
        Set<String> names = SourceTable.lowerCaseNames(features, carried);
        Predicate<String> isNeeded = column -> names.contains(SourceTable.lowerCase(column));
        Footers.All footers = Footers.read(files.files(), isNeeded, hadoop);
        boolean fromBase = readsFromBase(names, files, footers);
        TableFiles all = fromBase ? files.fromBase() : files;
        PageChecksums.warnOfMissing(name, files.files(), footers, hadoop);
        boolean merge = Boolean.parseBoolean(session.conf().get("spark.sql.parquet.mergeSchema", "false"));
        List<FileColumn> stored = new TableSchema(all, isNeeded, caseSensitive, merge)
                .columns(footers, new FileColumns(settings.setByUser()));
        List<String> places = files.places(hadoop);
        List<InputFile> inputs = new ArrayList<>();
        for (FileStatus file : files.files()) {
            int f = inputs.size();
            inputs.add(InputFile.of(
                    name, places.get(f), file, footers.footers().get(f).rows().rows()));
        }
        Map<String, Set<String>> above = fromBase ? files.above().values() : Map.of();
        SourceTable table =
                new SourceTable(name, place, null, features, caseSensitive, stored, inputs, footers.rows(), above);
        StructType schema = table.needed(carried);
        for (StructField partition : partitions.fields()) {
            schema = isNeeded.test(partition.name()) ? schema.add(partition) : schema;
        }
        DataFrameReader reader = session.read().schema(schema);
        if (fromBase) {
            reader.option("basePath", files.above().base().toString());
        }
        Dataset<Row> data = rows(reader, paths(all, fromBase, names));
        List<FileColumn> columns = new ArrayList<>(stored);
        Arrays.stream(data.schema().fields())
                .filter(field ->
                        stored.stream().noneMatch(column -> column.name().equals(field.name())))
                .map(FileColumn::of)
                .forEach(columns::add);
        return new SourceTable(
                name, place, data, features, caseSensitive, List.copyOf(columns), inputs, footers.rows(), above);
    }

    /**
     * What Spark is given to read: the paths that the user named or, if it cannot take partition columns from these and none is
     * needed, the directories of the files.
     */
    private static List<Path> paths(TableFiles files, boolean fromBase, Set<String> needed) {
        boolean ofSeveral =
                files.roots().size() > 1 && !fromBase && !files.partitions().isEmpty();
        Optional<Path> withoutValue = files.withoutValue();
        Optional<String> partition = neededPartition(files, needed);
        if (!ofSeveral && withoutValue.isEmpty()) {
            return files.roots();
        }
        if (partition.isEmpty()) {
            return files.directories();
        }
        throw new InputException("expected column '" + partition.get() + "' in the names of directories, "
                + (withoutValue.isPresent()
                        ? "each with a value ('__HIVE_DEFAULT_PARTITION__' for null), got '" + withoutValue.get() + "'"
                        : "all below one directory, got "
                                + Shown.names(TableFiles.NAMED, files.roots())
                                + "; pass one of them, or rename them to 'column=value'"));
    }

    private static Optional<String> neededPartition(TableFiles files, Set<String> needed) {
        return files.partitions().stream()
                .filter(name -> needed.contains(SourceTable.lowerCase(name)))
                .findFirst();
    }

    /** The rows at these paths, which are not patterns. The checksums of their pages are verified. */
    public static Dataset<Row> rows(DataFrameReader reader, List<Path> paths) {
        return reader.option("__globPaths__", false)
                .option("parquet.page.verify-checksum.enabled", true)
                .parquet(paths.stream().map(Path::toString).toArray(String[]::new));
    }

    private static void warn(String name, TableFiles files) {
        if (!files.ignored().isEmpty()) {
            log.warn("Table '{}': Spark does not read {}", Shown.of(name), Shown.of(TableFiles.hint(files.ignored())));
        }
        if (!files.unnamed().isEmpty()) {
            log.warn(
                    "Table '{}': files that its {} does not name are ignored: {}; if they hold rows, move them to a"
                            + " table of their own",
                    Shown.of(name),
                    Manifest.FILE,
                    Shown.names(TableFiles.NAMED, files.unnamed()));
        }
        if (!files.empty().isEmpty()) {
            log.warn(
                    "Table '{}': files of no bytes are ignored: {}; write them again if they should hold rows",
                    Shown.of(name),
                    Shown.names(TableFiles.NAMED, files.empty()));
        }
    }

    /**
     * Whether the table is read as partitions of a larger one, because a needed column is in no file, but in the names of the
     * directories above; or because Spark can read a needed column below several of these directories only so.
     *
     * @param needed in lower case
     */
    private static boolean readsFromBase(Set<String> needed, TableFiles files, Footers.All footers) {
        Set<String> above = files.above().values().keySet();
        if (files.roots().size() > 1 && neededPartition(files, needed).isPresent()) {
            return !above.isEmpty();
        }
        Set<String> known = footers.first().type().getFields().stream()
                .map(field -> SourceTable.lowerCase(field.getName()))
                .collect(Collectors.toSet());
        files.partitions().forEach(name -> known.add(SourceTable.lowerCase(name)));
        return above.stream()
                .map(SourceTable::lowerCase)
                .anyMatch(name -> needed.contains(name) && !known.contains(name));
    }
}
