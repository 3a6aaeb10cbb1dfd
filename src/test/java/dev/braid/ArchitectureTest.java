package dev.braid;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The rooms of the house and the one way through them. */
class ArchitectureTest {
    private static final Path SOURCES = Path.of("src/main/java/dev/braid");
    private static final int MOST_LINES = 300;

    /** What a room may import beside itself and the root package. */
    private static final Map<String, Set<String>> ROOMS = Map.ofEntries(
            Map.entry("failure", Set.of()),
            Map.entry("tensor", Set.of()),
            Map.entry("batch", Set.of()),
            Map.entry("checkpoint", Set.of("tensor")),
            Map.entry("kernel", Set.of("tensor")),
            Map.entry("storage", Set.of("failure")),
            Map.entry("model", Set.of("tensor", "batch", "checkpoint", "kernel")),
            Map.entry("publish", Set.of("failure", "storage")),
            Map.entry("rows", Set.of("batch", "storage")),
            Map.entry("parquet", Set.of("rows")),
            Map.entry("tables", Set.of("failure", "batch", "checkpoint", "storage", "publish", "rows")),
            Map.entry("decode", Set.of("batch", "checkpoint", "rows", "tables")),
            Map.entry("progress", Set.of("model", "publish", "decode")),
            Map.entry(
                    "task",
                    Set.of(
                            "tensor",
                            "failure",
                            "batch",
                            "checkpoint",
                            "model",
                            "publish",
                            "rows",
                            "parquet",
                            "tables",
                            "decode",
                            "progress")),
            Map.entry(
                    "spark",
                    Set.of(
                            "tensor",
                            "failure",
                            "batch",
                            "checkpoint",
                            "storage",
                            "model",
                            "publish",
                            "rows",
                            "tables",
                            "decode",
                            "progress",
                            "task")),
            Map.entry(
                    "destination",
                    Set.of(
                            "failure",
                            "checkpoint",
                            "storage",
                            "publish",
                            "rows",
                            "parquet",
                            "tables",
                            "decode",
                            "task",
                            "spark")),
            Map.entry("ml", Set.of("tensor", "failure", "batch", "checkpoint", "tables", "decode", "task", "spark")),
            Map.entry(
                    "plan",
                    Set.of(
                            "failure",
                            "batch",
                            "checkpoint",
                            "storage",
                            "model",
                            "rows",
                            "tables",
                            "decode",
                            "task",
                            "spark")),
            Map.entry("report", Set.of("publish", "progress", "plan")),
            Map.entry(
                    "job",
                    Set.of(
                            "tensor",
                            "failure",
                            "batch",
                            "checkpoint",
                            "storage",
                            "model",
                            "publish",
                            "tables",
                            "decode",
                            "progress",
                            "task",
                            "spark",
                            "destination",
                            "plan",
                            "report")));

    /** The rooms that may use a library, by the root of its packages. */
    private static final Map<String, Set<String>> LIBRARIES = Map.ofEntries(
            Map.entry("org.nd4j", Set.of("kernel", "model")),
            Map.entry("org.bytedeco", Set.of("kernel")),
            Map.entry("com.codahale.metrics", Set.of("spark")),
            Map.entry("com.fasterxml.jackson", Set.of("checkpoint", "publish", "report", "job")),
            Map.entry("javax.xml", Set.of("report")),
            Map.entry("org.w3c.dom", Set.of("report")),
            Map.entry(
                    "org.apache.hadoop",
                    Set.of(
                            "checkpoint",
                            "storage",
                            "publish",
                            "rows",
                            "parquet",
                            "tables",
                            "task",
                            "spark",
                            "destination",
                            "ml",
                            "job")),
            Map.entry(
                    "org.apache.parquet",
                    Set.of("storage", "publish", "rows", "parquet", "tables", "task", "destination")),
            Map.entry(
                    "org.apache.spark",
                    Set.of(
                            "rows",
                            "parquet",
                            "tables",
                            "decode",
                            "progress",
                            "task",
                            "spark",
                            "destination",
                            "ml",
                            "plan",
                            "job")),
            Map.entry("com.github.luben.zstd", Set.of("parquet")),
            Map.entry("net.jpountz", Set.of("rows")),
            Map.entry("org.apache.logging.log4j", Set.of("job")),
            Map.entry("org.slf4j", Set.of("kernel", "publish", "tables", "task", "spark", "plan")),
            Map.entry("com.sun.management", Set.of("plan")),
            Map.entry("picocli", Set.of("job")));

    private static final JavaClasses MAIN = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("dev.braid");

    static Set<String> rooms() {
        return new TreeSet<>(ROOMS.keySet());
    }

    @Test
    void everyPackageIsARoom() {
        Set<String> packages = MAIN.stream()
                .map(JavaClass::getPackageName)
                .filter(name -> !name.equals("dev.braid"))
                .map(name -> name.substring("dev.braid.".length()))
                .collect(Collectors.toCollection(TreeSet::new));

        assertThat(packages).isNotEmpty().isSubsetOf(ROOMS.keySet());
    }

    @ParameterizedTest
    @MethodSource("rooms")
    void aRoomImportsOnlyWhatItsLineNames(String room) {
        Set<String> allowed = new TreeSet<>(Set.of("dev.braid", "dev.braid." + room));
        ROOMS.get(room).forEach(other -> allowed.add("dev.braid." + other));

        noClasses()
                .that()
                .resideInAPackage("dev.braid." + room)
                .should()
                .dependOnClassesThat(DescribedPredicate.describe(
                        "lie in a room other than " + allowed,
                        used -> used.getPackageName().startsWith("dev.braid")
                                && !allowed.contains(used.getPackageName())))
                .allowEmptyShould(true)
                .check(MAIN);
    }

    @ParameterizedTest
    @MethodSource("rooms")
    void aRoomUsesOnlyItsOwnLibraries(String room) {
        Set<String> allowed = LIBRARIES.entrySet().stream()
                .filter(library -> library.getValue().contains(room))
                .map(Map.Entry::getKey)
                .collect(Collectors.toCollection(TreeSet::new));

        noClasses()
                .that()
                .resideInAPackage("dev.braid." + room)
                .should()
                .dependOnClassesThat(DescribedPredicate.describe(
                        "belong to no library of this room: " + allowed, used -> isForeign(used, allowed)))
                .allowEmptyShould(true)
                .check(MAIN);
    }

    private static boolean isForeign(JavaClass used, Set<String> allowed) {
        JavaClass type = used.getBaseComponentType();
        String name = type.getName();
        return !type.isPrimitive()
                && !name.startsWith("java.")
                && !name.startsWith("dev.braid.")
                && allowed.stream().noneMatch(library -> name.startsWith(library + "."));
    }

    /** The picture in the page on the design has an arrow for each import that is allowed. */
    @Test
    void thePictureOfTheRoomsIsTrue() throws IOException {
        String arrows = ROOMS.entrySet().stream()
                .filter(room -> !room.getValue().isEmpty())
                .map(room -> "  " + room.getKey() + " --> " + String.join(" & ", new TreeSet<>(room.getValue())) + "\n")
                .sorted()
                .collect(Collectors.joining());

        assertThat(Files.readString(Path.of("src/docs/design.md"))).contains("```mermaid\ngraph TD\n" + arrows + "```");
    }

    @Test
    void theRoomsFormNoCycle() {
        slices().matching("dev.braid.(*)..").should().beFreeOfCycles().check(MAIN);
    }

    @Test
    void nothingTouchesScala() {
        noClasses().should().dependOnClassesThat().resideInAPackage("scala..").check(MAIN);
    }

    /** Spark changes its internal classes as it likes; every version runs this one room in .ci/every-spark. */
    @Test
    void oneRoomUsesSparksInternalsBeyondTheTypesOfRows() {
        Set<String> rows = Set.of("InternalRow", "ArrayData", "SpecializedGetters");
        noClasses()
                .that()
                .resideOutsideOfPackage("dev.braid.rows")
                .should()
                .dependOnClassesThat(DescribedPredicate.describe(
                        "are internal to Spark, beyond " + rows,
                        used -> used.getName()
                                        .matches(
                                                "org\\.apache\\.spark\\.(sql\\.(catalyst|execution|internal)|unsafe)\\..*")
                                && !rows.contains(used.getSimpleName())))
                .check(MAIN);
    }

    @Test
    void theRootPackageHoldsOnlyTheErrorOfEveryRoomAndWhatWritesItsText() {
        classes()
                .that()
                .resideInAPackage("dev.braid")
                .should()
                .haveSimpleName("InputException")
                .orShould()
                .haveSimpleName("Shown")
                .orShould()
                .haveSimpleName("NearestName")
                .orShould()
                .haveSimpleName("Numbers")
                .orShould()
                .haveSimpleName("package-info")
                .check(MAIN);
    }

    @Test
    void everyRoomSaysWhatLivesThere() throws IOException {
        for (Path file : sources()) {
            assertThat(file.resolveSibling("package-info.java")).exists();
        }
    }

    @Test
    void noFileIsTooLongToReadInOneGo() throws IOException {
        for (Path file : sources()) {
            assertThat(Files.readAllLines(file)).as(file.toString()).hasSizeLessThanOrEqualTo(MOST_LINES);
        }
    }

    private static List<Path> sources() throws IOException {
        try (Stream<Path> files = Files.walk(SOURCES)) {
            return files.filter(Files::isRegularFile).toList();
        }
    }
}
