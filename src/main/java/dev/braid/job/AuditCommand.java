package dev.braid.job;

import dev.braid.Numbers;
import dev.braid.destination.TableAudit;
import dev.braid.publish.Manifest;
import dev.braid.publish.Shard;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code braid audit}: checks a table that {@code braid fuse} published against its manifest, at any later time. */
@Command(
        name = "audit",
        description = "Checks a published table against its _manifest.json: files, rows, columns, keys and every fused"
                + " number, and the quarantine.",
        customSynopsis = "jobs/audit.sh --output PATH [OPTION]...",
        sortOptions = false,
        footer = {
            "",
            "Exit codes: 0 the table is what its manifest says; 3 it is not, or there is no manifest; 1 and 2 as",
            "jobs/fuse.sh.",
            "",
            "Examples:",
            "  jobs/audit.sh --output fused",
            "  jobs/audit.sh --master yarn -- --output hdfs:///fused --quick"
        })
final class AuditCommand implements Callable<Integer> {
    @Option(
            names = "--output",
            required = true,
            paramLabel = "PATH",
            description = "The directory of the table, which fuse wrote. Required.")
    private String output;

    @Option(
            names = "--quick",
            description = "Read only footers and keys, and do not compute the fingerprint. Default: read every fused"
                    + " number.")
    private boolean quick;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() {
        try (Session session = Session.open("audit")) {
            Manifest manifest = TableAudit.check(session.spark(), output, quick);
            spec.commandLine().getOut().println(report(manifest));
            return ExitCode.DONE;
        }
    }

    private TextTable report(Manifest manifest) {
        long files = manifest.files().stream()
                .map(Shard::file)
                .filter(file -> file != null)
                .count();
        Map<String, String> versions = new TreeMap<>(manifest.versions());
        return TextTable.plain()
                .add("rows", Numbers.count(manifest.rows()))
                .add("files", Numbers.count(files))
                .add("quarantined", Numbers.count(manifest.quarantinedRows(), "row"))
                .add("fingerprint", manifest.fingerprint() + (quick ? " (not computed: --quick)" : ""))
                .add("finished", SafeText.message(String.valueOf(manifest.finished())))
                .add(
                        "versions",
                        SafeText.message(versions.entrySet().stream()
                                .map(version -> version.getKey() + " " + version.getValue())
                                .collect(Collectors.joining(", "))))
                .add("output", SafeText.message(output));
    }
}
