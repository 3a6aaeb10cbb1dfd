package dev.braid.publish;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.annotation.JsonInclude;
import dev.braid.Shown;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * What a table holds and what it was made from: {@code _manifest.json} in its directory, described by {@code
 * src/docs/manifest.schema.json}. Spark and PyArrow ignore files whose names begin with an underscore.
 *
 * @param format of the manifest
 * @param run identifier of the run that wrote the table
 * @param identity digest of the input, the model and the options: runs with the same identity write the same rows
 * @param versions of Braid, Spark and Java
 * @param started when the run began, ISO 8601, UTC
 * @param finished when its files were complete
 * @param inputs the files of all tables
 * @param model the model's directory and digest
 * @param options the options that decide the rows
 * @param verified the result of the check against PyTorch's numbers
 * @param rows of the table
 * @param tokens of these rows
 * @param truncated rows with a sequence that was cut
 * @param lengths of these rows; null if there are none
 * @param quarantined rows that were set aside, by the name of their reason
 * @param unreferenced the rows of feature tables that no pair refers to, by modality; null if there are no pairs
 * @param fingerprint of all rows, 16 hexadecimal digits
 * @param seconds from when the Spark session is ready until the files are complete
 * @param files of the table
 * @param audit what was checked before the table was published; null until then
 * @param update what the run found in an older table and changed; null if it wrote the table anew
 * @param earlier the other runs that wrote partitions of the table, without updates; null if it has no partitions
 * @param outputTables the tables of Spark's catalog that the rows were also written to; null if there are none
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Manifest(
        int format,
        String run,
        String identity,
        Map<String, String> versions,
        String started,
        String finished,
        List<InputFile> inputs,
        Model model,
        Map<String, String> options,
        String verified,
        long rows,
        long tokens,
        long truncated,
        Lengths lengths,
        Map<String, Long> quarantined,
        Map<String, Long> unreferenced,
        String fingerprint,
        double seconds,
        List<Shard> files,
        Audit audit,
        Update update,
        List<Run> earlier,
        List<Committed> outputTables) {

    public static final String FILE = "_manifest.json";

    /** The directory of rows that were set aside, inside the table's own. */
    public static final String QUARANTINE = "_quarantine";

    /** The option that names the partition columns of a table. */
    public static final String PARTITION_BY = "partition-by";

    /** The format of manifests that this version writes. */
    public static final int FORMAT = 1;

    /** Refuses JSON that is not a manifest. */
    public Manifest {
        requireNonNull(run);
        requireNonNull(identity);
        requireNonNull(versions);
        requireNonNull(quarantined);
        requireNonNull(fingerprint);
        requireNonNull(files);
    }

    /** A model directory and the digest of the files that are read from it. A password in the path is masked. */
    public record Model(String path, String sha256) {
        public Model {
            path = Shown.path(path);
        }
    }

    /**
     * What an update found in a published table, and what it changed.
     *
     * @param over the run that published the table before
     * @param kept rows that are still there
     * @param changed rows that were replaced because their version had changed
     * @param removed rows that were removed because their key is no longer in the input or cannot be fused
     * @param left rows that stay although their key is no longer in the input
     * @param changedBy the column whose value is a row's version; null if there is none
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Update(String over, long kept, long changed, long removed, long left, String changedBy) {}

    /**
     * What was checked before a table was published.
     *
     * @param files the number of the run's files whose footers were read: each has the rows of its record, and all have the
     *     same columns
     * @param rows in these files
     * @param keys the number of rows that there must be, in the table or set aside
     */
    public record Audit(int files, long rows, long keys) {}

    /**
     * A transaction on a table of Spark's catalog.
     *
     * @param name of the table, as the user wrote it
     * @param location where the table is stored, whatever its name is
     * @param mode whether the rows were appended or replaced the existing ones
     * @param snapshot the snapshot that the transaction made, as the table's format names it
     */
    public record Committed(String name, String location, String mode, String snapshot) {
        /** Masks a password in the location. */
        public Committed {
            location = Shown.path(new Path(location).toString());
        }
    }

    /** The recorded transaction on the catalog table that is stored at {@code location}. */
    public Optional<Committed> committed(String location) {
        String place = Shown.path(new Path(location).toString());
        return outputTables == null
                ? Optional.empty()
                : outputTables.stream()
                        .filter(noted -> noted.location().equals(place))
                        .findFirst();
    }

    /** This manifest with the result of an audit. */
    Manifest audited(Audit done) {
        return with(done, outputTables);
    }

    /** This manifest with one more table of Spark's catalog that has the rows. */
    public Manifest committed(Committed done) {
        List<Committed> all = new ArrayList<>(outputTables == null ? List.of() : outputTables);
        all.removeIf(noted -> noted.location().equals(done.location()));
        all.add(done);
        return with(audit, all);
    }

    private Manifest with(Audit audited, List<Committed> committed) {
        return new Manifest(
                format,
                run,
                identity,
                versions,
                started,
                finished,
                inputs,
                model,
                options,
                verified,
                rows,
                tokens,
                truncated,
                lengths,
                quarantined,
                unreferenced,
                fingerprint,
                seconds,
                files,
                audited,
                update,
                earlier,
                committed);
    }

    /** A run that wrote files of a table, as its own manifest described it. */
    public record Run(
            String run, String identity, String started, String finished, List<InputFile> inputs, String verified) {
        /** Refuses JSON that is not a run. */
        public Run {
            requireNonNull(run);
            requireNonNull(identity);
        }
    }

    /**
     * The runs that wrote partitions of a table and still have files in it.
     *
     * @param there the table before this run, if any
     * @param files the files that the table has now
     * @param updated whether this run is an update. A run whose file the update replaced is left out, because its partitions
     *     are no longer as it wrote them
     */
    public static List<Run> earlier(Optional<Manifest> there, List<Shard> files, boolean updated) {
        Set<String> runs = files.stream().map(Shard::run).collect(Collectors.toSet());
        if (updated) {
            Set<String> paths = files.stream().map(Shard::file).collect(Collectors.toSet());
            there.map(Manifest::files).orElse(List.of()).stream()
                    .filter(shard -> shard.file() != null && !paths.contains(shard.file()))
                    .forEach(shard -> runs.remove(shard.run()));
        }
        return there.map(Manifest::runs).orElse(List.of()).stream()
                .filter(run -> runs.contains(run.run()))
                .toList();
    }

    /** The files of this run, if the table has partitions; otherwise all files. */
    public List<Shard> own() {
        return earlier == null
                ? files
                : files.stream().filter(shard -> shard.run().equals(run)).toList();
    }

    /** The partition columns; empty if the table has no partitions. */
    public List<String> partitionBy() {
        String columns = options.get(PARTITION_BY);
        return columns == null ? List.of() : List.of(columns.split(","));
    }

    /**
     * The runs that wrote partitions: the run that published the table, then the earlier ones. If the publishing run was an
     * update, it is left out, because it may have kept rows that its input would not give.
     */
    public List<Run> runs() {
        List<Run> runs = new ArrayList<>();
        if (update == null) {
            runs.add(new Run(run, identity, started, finished, inputs, verified));
        }
        runs.addAll(earlier == null ? List.of() : earlier);
        return runs;
    }

    /** The manifest of a published table, if it has one. */
    public static Optional<Manifest> of(Path table, FileSystem files) throws IOException {
        return Json.read(new Path(table, FILE), Manifest.class, files);
    }

    /** The files that the manifest names, by their paths in the table, including those of the quarantine. */
    Set<String> paths() {
        Set<String> paths = new TreeSet<>();
        for (Shard shard : files) {
            if (shard.file() != null) {
                paths.add(shard.file());
            }
            if (shard.quarantine() != null) {
                paths.add(QUARANTINE + "/" + shard.quarantine());
            }
        }
        return paths;
    }

    /**
     * An option that another run has with another value. Both values are as messages show them.
     *
     * @param there the value in this table
     * @param other the value in the other run
     */
    public record OtherOption(String name, String there, String other) {}

    /** The options whose values in another run differ, sorted by name. */
    public List<OtherOption> others(Map<String, String> ofRun) {
        Set<String> names = new TreeSet<>(options.keySet());
        names.addAll(ofRun.keySet());
        return names.stream()
                .filter(name -> !Objects.equals(options.get(name), ofRun.get(name)))
                .map(name -> new OtherOption(name, shown(options.get(name)), shown(ofRun.get(name))))
                .toList();
    }

    private static String shown(String value) {
        return value == null ? "none" : "'" + value + "'";
    }

    /** Rows that were set aside, for any reason. */
    public long quarantinedRows() {
        return quarantined.values().stream().mapToLong(Long::longValue).sum();
    }
}
