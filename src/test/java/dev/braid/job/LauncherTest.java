package dev.braid.job;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code jobs/braid} in a house whose path has a space and what URIs keep for themselves, among programs that only say how they were called. */
class LauncherTest {
    private static final List<String> SYSTEM = List.of(
            "bash",
            "env",
            "dirname",
            "readlink",
            "find",
            "sed",
            "head",
            "mkdir",
            "touch",
            "cat",
            "mv",
            "rm",
            "sleep",
            "xargs",
            "printf");

    private static final String UMASK = "spark.hadoop.fs.permissions.umask-mode=";

    private static final Set<PosixFilePermission> EXECUTABLE = PosixFilePermissions.fromString("rwxr-xr-x");

    @TempDir
    Path directory;

    private Path home;
    private Path programs;
    private Path jar;
    private final Map<String, String> environment = new HashMap<>();

    private record Outcome(int code, List<String> out, String error) {}

    @BeforeEach
    void build() throws IOException, InterruptedException {
        home = Files.createDirectories(directory.resolve("a house%20#1?"));
        programs = Files.createDirectories(directory.resolve("bin"));
        for (String program : SYSTEM) {
            system(program);
        }
        for (String file : List.of(
                "jobs/braid",
                "jobs/fuse.sh",
                "jobs/inspect.sh",
                "jobs/verify.sh",
                "jobs/audit.sh",
                "jobs/plan.sh",
                "conf/braid.properties",
                "conf/spark-defaults.conf",
                "conf/jvm.options")) {
            Files.createDirectories(home.resolve(file).getParent());
            Files.copy(Path.of(file), home.resolve(file), StandardCopyOption.COPY_ATTRIBUTES);
        }
        Files.createDirectories(home.resolve("src/main/java"));
        Files.createDirectories(home.resolve("src/main/resources"));
        Files.createDirectories(home.resolve("target"));
        Files.writeString(home.resolve("pom.xml"), "<project/>");
        jar = Files.writeString(home.resolve("target/braid.jar"), "a jar");
        Files.writeString(home.resolve("target/spark.classpath"), "spark-a.jar:spark-b.jar");
        for (String library : List.of("spark-a.jar", "spark-b.jar", "spark.jar")) {
            Files.createFile(directory.resolve(library));
        }
        Files.writeString(home.resolve("target/braid.jsa"), "");
        FileTime before = FileTime.from(Instant.now().minusSeconds(60));
        for (String source : List.of("pom.xml", "src/main/java", "src/main/resources")) {
            Files.setLastModifiedTime(home.resolve(source), before);
        }
        java("");
        program("javac", "");
    }

    @Test
    void withoutSparkStartsTheOneThatMavenResolved() throws Exception {
        Outcome outcome = start("jobs/fuse.sh", "--model", "a model", "--key", "k");

        assertThat(outcome.error()).isEmpty();
        assertThat(outcome.out())
                .containsExactly(
                        "java",
                        "@" + home + "/conf/jvm.options",
                        "-Dlog4j2.configurationFile=" + uri("/conf/log4j2.properties"),
                        "-Dspark.ui.enabled=false",
                        "-Dspark.ui.showConsoleProgress=false",
                        "-Dspark.hadoop.fs.file.impl=dev.braid.storage.JvmLocalFileSystem",
                        "-Dspark.driver.host=localhost",
                        "-Dspark.driver.bindAddress=127.0.0.1",
                        "-XX:+UseParallelGC",
                        "-XX:MaxRAMPercentage=50",
                        "-cp",
                        "spark-a.jar:spark-b.jar:" + jar,
                        "org.apache.spark.deploy.SparkSubmit",
                        "--class",
                        "dev.braid.job.Braid",
                        "--master",
                        "local[*]",
                        "--conf",
                        UMASK + "0022",
                        "spark-internal",
                        "fuse",
                        "--options=" + home + "/conf/braid.properties",
                        "--model",
                        "a model",
                        "--key",
                        "k",
                        "SPARK_SUBMIT_OPTS=",
                        "LC_ALL=C.UTF-8");
    }

    @Test
    void theEmbeddedSparkTakesAMasterAndTheSizeOfTheHeap() throws Exception {
        Outcome outcome = start("jobs/fuse.sh", "--master", "local[2]", "--driver-memory", "3g", "--", "--key", "k");

        assertThat(outcome.out()).contains("-Xmx3g").doesNotContain("local[*]", "--");
        assertThat(outcome.out()).containsSubsequence("--master", "local[2]", "spark-internal", "fuse", "--key", "k");
    }

    @Test
    void theEmbeddedSparkTakesWhatSparkSubmitTakesForItsDriver() throws Exception {
        assertThat(embedded(
                        "--conf spark.driver.memory=5g --conf=spark.master=local[3] --driver-java-options -Da='b_c'"))
                .contains("-Xmx5g", "local[3]", "-Da=b_c")
                .doesNotContain("local[*]", "-XX:MaxRAMPercentage=50");
        assertThat(embedded("--driver-class-path /mine.jar")).contains("/mine.jar:spark-a.jar:spark-b.jar:" + jar);
        assertThat(embedded("-c spark.driver.extraClassPath=/mine.jar -c spark.driver.extraJavaOptions=-Da=b"))
                .contains("/mine.jar:spark-a.jar:spark-b.jar:" + jar, "-Da=b");
        assertThat(embedded("--driver-memory 7g --conf spark.driver.memory=5g")).contains("-Xmx7g");
    }

    @Test
    void theEmbeddedSparkTakesPropertiesFilesAndDirectoriesOfSettings() throws Exception {
        Path conf = Files.createDirectories(directory.resolve("my conf"));
        Files.writeString(conf.resolve("spark-defaults.conf"), """
                # spark.driver.memory 1g

                spark.master   local[5]
                spark.driver.memory=6g
                spark.driver.extraJavaOptions: -Da="b c" -Dd
                """);
        Path file = Files.writeString(directory.resolve("my.properties"), "spark.driver.memory\t8g");
        environment.put("SPARK_CONF_DIR", conf.toString());
        environment.put("HADOOP_CONF_DIR", "/etc/my hadoop");

        List<String> fromDirectory = start("jobs/fuse.sh", "--key", "k").out();
        assertThat(fromDirectory)
                .contains("-Xmx6g", "local[5]", "-Da=b c", "-Dd")
                .contains("spark-a.jar:spark-b.jar:" + jar + ":" + conf + ":/etc/my hadoop");
        assertThat(start("jobs/fuse.sh", "--properties-file", file.toString(), "--")
                        .out())
                .contains("-Xmx8g", "local[*]")
                .doesNotContain("-Dd");
        assertThat(start("jobs/fuse.sh", "--properties-file", file.toString(), "--load-spark-defaults", "--")
                        .out())
                .contains("-Xmx8g", "local[5]", "-Dd");
    }

    @ParameterizedTest
    @ValueSource(strings = {"maven", "installed"})
    void aDirectoryForTemporaryFilesThatCannotBeWrittenIsNamed(String spark) throws Exception {
        if (spark.equals("installed")) {
            program("spark-submit", saysItsArguments());
        }
        environment.put("SPARK_SUBMIT_OPTS", "-Da=b -Djava.io.tmpdir=/absent");
        assertThat(refused())
                .isEqualTo(
                        "Cannot start Braid: expected a directory with free space that can be written"
                                + " (java.io.tmpdir), got '/absent'; name another with SPARK_SUBMIT_OPTS=-Djava.io.tmpdir=DIR\n");

        environment.put("SPARK_SUBMIT_OPTS", "-Djava.io.tmpdir=/dev/full");
        assertThat(refused()).contains("got '/dev/full'");

        environment.remove("SPARK_SUBMIT_OPTS");
        assertThat(refused("--conf", "spark.local.dir=" + directory + "/made,/proc/absent", "--"))
                .isEqualTo("Cannot start Braid: expected a directory with free space that can be written"
                        + " (spark.local.dir), got '/proc/absent'; name another with --conf spark.local.dir=DIR\n");
        environment.put("SPARK_LOCAL_DIRS", "/proc/absent");
        assertThat(refused()).contains("(spark.local.dir), got '/proc/absent'");
        assertThat(start("jobs/fuse.sh", "--master", "spark://host:7077", "--").error())
                .isEmpty();
        assertThat(names(directory)).contains("made").doesNotContain(".braid");
    }

    @ParameterizedTest
    @ValueSource(strings = {"16m", "200m", "511m", "536870911", "lots", "3gb"})
    void aHeapThatSparkRefusesIsNamed(String heap) throws Exception {
        String expected = "Cannot start Braid: expected a heap of at least 512m, such as 3g (--driver-memory,"
                + " spark.driver.memory or SPARK_DRIVER_MEMORY), got '" + heap + "'; Spark needs as much\n";
        assertThat(refused("--driver-memory", heap, "--")).isEqualTo(expected);
        program("spark-submit", saysItsArguments());
        environment.put("SPARK_DRIVER_MEMORY", heap);
        assertThat(refused()).isEqualTo(expected);
    }

    @Test
    void aHeapThatTheMachineLacksIsNamed() throws Exception {
        assertThat(refused("--conf", "spark.driver.memory=100t", "--"))
                .startsWith("Cannot start Braid: expected a heap within the machine's memory of ")
                .endsWith("m (--driver-memory, spark.driver.memory or SPARK_DRIVER_MEMORY), got '100t'; lower it\n");
        program("spark-submit", saysItsArguments());
        assertThat(start("jobs/fuse.sh", "--deploy-mode", "cluster", "--driver-memory", "100t", "--")
                        .code())
                .isZero();
        for (String heap : List.of("512m", "524288K", "536870912", "1G")) {
            assertThat(start("jobs/fuse.sh", "--driver-memory", heap, "--").error())
                    .isEmpty();
        }
    }

    @Test
    void limitsOfTheShellThatAreTooLowAreNamed() throws Exception {
        limited("ulimit -n 511");
        assertThat(refused())
                .isEqualTo("Cannot start Braid: expected at least 512 open files (ulimit -n), got 511;"
                        + " raise the limit\n");
        limited("ulimit -v 4194304");
        assertThat(refused("--driver-memory", "1g", "--"))
                .isEqualTo(
                        "Cannot start Braid: expected address space for the heap and 4 GiB more, 5120 MiB (ulimit -v),"
                                + " got 4096 MiB; raise the limit or lower --driver-memory\n");
        limited("ulimit -v 5242880");
        assertThat(start("limited", "--driver-memory", "1g", "--").code()).isZero();
    }

    /** Makes a script of that name which starts a fusion under a limit. */
    private void limited(String limit) throws IOException {
        executable(home.resolve("limited"), limit + "\nexec \"" + home.resolve("jobs/fuse.sh") + "\" \"$@\"\n");
    }

    /** What a start says that ends with 1 and starts no Java, under the limits of {@link #limited} if there are some. */
    private String refused(String... arguments) throws Exception {
        Outcome outcome = start(Files.exists(home.resolve("limited")) ? "limited" : "jobs/fuse.sh", arguments);
        assertThat(outcome.code()).isEqualTo(1);
        assertThat(outcome.out()).isEmpty();
        return outcome.error();
    }

    @Test
    void aCheckoutWhoseLibrariesThisUserCannotReadIsNamed() throws Exception {
        Files.writeString(home.resolve("target/spark.classpath"), "spark-a.jar:/absent/b.jar:spark-c.jar\n");

        assertThat(refused())
                .isEqualTo("Cannot start Braid: expected libraries that this user can read (" + home
                        + "/target/spark.classpath), got '/absent/b.jar'; build a checkout as this user, or set"
                        + " SPARK_HOME to an installed Spark\n");
    }

    @Test
    void filesAreWrittenUnderTheUsersUmask() throws Exception {
        executable(home.resolve("masked"), "umask 077\nexec \"" + home.resolve("jobs/fuse.sh") + "\" \"$@\"\n");
        assertThat(start("masked").out()).contains(UMASK + "0077");
        assertThat(start("masked", "--conf", UMASK + "0027", "--").out())
                .contains(UMASK + "0027")
                .doesNotContain(UMASK + "0077");

        Path hadoop = Files.createDirectories(directory.resolve("hadoop"));
        environment.put("HADOOP_CONF_DIR", hadoop.toString());
        assertThat(start("masked").out()).contains(UMASK + "0077");
        Files.writeString(
                hadoop.resolve("core-site.xml"),
                "<configuration>\n  <property>\n    <name>fs.permissions.umask-mode</name>\n    <value>007</value>");
        assertThat(start("masked").out()).noneMatch(argument -> argument.startsWith(UMASK));
    }

    @ParameterizedTest
    @CsvSource({"LC_ALL,C,C.UTF-8", "LANG,POSIX,C.UTF-8", "LANG,en_XX.UTF-8,C.UTF-8", "LC_ALL,C.UTF-8,C.UTF-8"})
    void javaDecodesArgumentsAsUtf8(String variable, String value, String taken) throws Exception {
        environment.put(variable, value);

        assertThat(start("jobs/fuse.sh", "--key", "k").out()).contains("LC_ALL=" + taken);
    }

    @ParameterizedTest
    @ValueSource(strings = {"--master local", "--master=local[2]"})
    void whereAllRunsInOneJvmTheJarIsNotCopied(String master) throws Exception {
        assertThat(embedded(master)).contains("spark-internal").doesNotContain(uri("/target/braid.jar"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"--master local-cluster[2,1,1024]", "--master=spark://host:7077"})
    void otherJvmsAreSentTheJar(String master) throws Exception {
        assertThat(embedded(master)).contains(uri("/target/braid.jar")).doesNotContain("spark-internal");
    }

    private List<String> embedded(String master) throws Exception {
        List<String> arguments = new ArrayList<>(List.of(master.split(" ")));
        arguments.addAll(List.of("--", "--key", "k"));
        return start("jobs/fuse.sh", arguments.toArray(String[]::new)).out();
    }

    @Test
    void aCollectorThatIsNamedIsTaken() throws Exception {
        environment.put("SPARK_SUBMIT_OPTS", "-XX:+UseG1GC");
        assertThat(start("jobs/fuse.sh", "--key", "k").out())
                .contains("-XX:+UseG1GC")
                .doesNotContain("-XX:+UseParallelGC");
    }

    @Test
    void classesAreArchivedOnceBehindABuild() throws Exception {
        Path archive = home.resolve("target/braid.jsa");
        Files.delete(archive);
        java(archiving("classes", "exit"));
        Outcome first = start("jobs/fuse.sh", "--key", "k");
        assertThat(first.error()).isEqualTo("Preparing fast starts (once, half a minute)\n");
        assertThat(archive).hasContent("classes");
        assertThat(first.out()).contains("-XX:SharedArchiveFile=" + archive);
        Outcome second = start("jobs/fuse.sh", "--key", "k");
        assertThat(second.error()).isEmpty();
        assertThat(second.out()).isEqualTo(first.out());
        Files.setLastModifiedTime(jar, FileTime.from(Instant.now().plusSeconds(60)));
        assertThat(start("jobs/fuse.sh", "--key", "k").error()).isNotEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--help",
                "--version",
                "verify --model m",
                "inspect --model m",
                "neighbours",
                "fuse --help",
                "fuse -h"
            })
    void whatFusesNothingMakesNoArchiveAndUsesOneThatIsThere(String arguments) throws Exception {
        Path archive = home.resolve("target/braid.jsa");
        Files.delete(archive);
        Outcome outcome = start("jobs/braid", arguments.split(" "));
        assertThat(outcome.error()).isEmpty();
        assertThat(outcome.out()).contains(arguments.split(" "));
        assertThat(archive).doesNotExist();

        Files.writeString(archive, "classes");
        assertThat(start("jobs/braid", arguments.split(" ")).out()).contains("-XX:SharedArchiveFile=" + archive);
    }

    @Test
    void anInterruptLeavesNothingOfAnArchive() throws Exception {
        Files.delete(home.resolve("target/braid.jsa"));
        java(archiving("half", "exec sleep 60"));
        Process launcher = launch("jobs/fuse.sh", "--key", "k");
        Path target = home.resolve("target");
        while (launcher.isAlive() && names(target).stream().noneMatch(name -> name.startsWith("braid.jsa."))) {
            Thread.sleep(10);
        }
        launcher.destroy();

        assertThat(launcher.waitFor()).isEqualTo(143);
        assertThat(directory.resolve("error"))
                .hasContent(
                        "Preparing fast starts (once, half a minute)\nStopped by a signal before anything was done\n");
        assertThat(names(target)).containsExactlyInAnyOrder("braid.jar", "spark.classpath");
    }

    @Test
    void whatAKilledStartOfTheSameProcessNumberLeftIsInNobodysWay() throws Exception {
        Path archive = home.resolve("target/braid.jsa");
        Files.delete(archive);
        java(archiving("classes", "exit"));
        Path again = Files.writeString(
                home.resolve("again"),
                "#!/bin/sh\nmkdir -p \"" + archive + ".$$.d/fused\"\necho half > \"" + archive + ".$$\"\nexec \""
                        + home.resolve("jobs/fuse.sh") + "\" \"$@\"\n");
        Files.setPosixFilePermissions(again, EXECUTABLE);

        assertThat(start("again", "--key", "k").code()).isZero();
        assertThat(archive).hasContent("classes");
        assertThat(names(home.resolve("target")))
                .containsExactlyInAnyOrder("braid.jar", "spark.classpath", "braid.jsa");
    }

    @Test
    void startsWithoutAnArchiveWhereNoneCanBeMade() throws Exception {
        Files.delete(home.resolve("target/braid.jsa"));
        Outcome outcome = start("jobs/fuse.sh", "--key", "k");
        assertThat(outcome.code()).isZero();
        assertThat(outcome.out()).doesNotContain("-XX:SharedArchiveFile=" + home.resolve("target/braid.jsa"));
        assertThat(start("jobs/fuse.sh", "--key", "k").error()).isEmpty();
    }

    @Test
    void goesThroughSparkSubmitOnThePath() throws Exception {
        program("spark-submit", saysItsArguments());

        assertThat(start("jobs/fuse.sh", "--key", "k").out())
                .containsExactly(
                        "spark-submit",
                        "--class",
                        "dev.braid.job.Braid",
                        "--conf",
                        UMASK + "0022",
                        uri("/target/braid.jar"),
                        "fuse",
                        "--options=" + home + "/conf/braid.properties",
                        "--key",
                        "k",
                        "SPARK_SUBMIT_OPTS=-Dlog4j2.configurationFile=" + uri("/conf/log4j2.properties") + " ",
                        "LC_ALL=C.UTF-8");
    }

    @Test
    void sparkHomeGoesBeforeThePath() throws Exception {
        program("spark-submit", "exit 9");
        Path spark = Files.createDirectories(directory.resolve("my spark/bin"));
        executable(spark.resolve("spark-submit"), saysItsArguments());
        environment.put("SPARK_HOME", spark.getParent().toString());

        assertThat(start("jobs/fuse.sh", "--key", "k").out()).startsWith("spark-submit", "--class");
    }

    @Test
    void aSparkHomeWithoutSparkIsAnError() throws Exception {
        environment.put("SPARK_HOME", "/absent");

        Outcome outcome = start("jobs/fuse.sh");

        assertThat(outcome.code()).isEqualTo(1);
        assertThat(outcome.error())
                .isEqualTo("Cannot start Braid: expected '/absent/bin/spark-submit' (SPARK_HOME), got no such program;"
                        + " unset SPARK_HOME to use the Spark that Maven resolved\n");
    }

    @Test
    void sparksOwnOptionsStandBeforeALoneDoubleDash() throws Exception {
        program("spark-submit", saysItsArguments());

        assertThat(start("jobs/braid", "fuse", "--master", "yarn", "--conf", "a=b c", "--", "--key", "k")
                        .out())
                .containsSubsequence(
                        "--master", "yarn", "--conf", "a=b c", uri("/target/braid.jar"), "fuse", "--key", "k")
                .doesNotContain("--");
    }

    @Test
    void anOptionsFileThatTheUserNamesIsTheOnlyOne() throws Exception {
        program("spark-submit", saysItsArguments());

        assertThat(start("jobs/fuse.sh", "--options", "mine").out())
                .containsSubsequence("fuse", "--options", "mine")
                .noneMatch(argument -> argument.startsWith("--options="));
        assertThat(start("jobs/fuse.sh", "--options=mine").out())
                .filteredOn(argument -> argument.startsWith("--options="))
                .containsExactly("--options=mine");
        assertThat(start("jobs/braid", "neighbours", "--table", "t").out())
                .noneMatch(argument -> argument.startsWith("--options"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"inspect", "verify", "audit"})
    void theOtherCommandsHaveAScriptAndNoOptionsFile(String command) throws Exception {
        Outcome outcome = start("jobs/" + command + ".sh", "--model", "a model");

        assertThat(outcome.error()).isEmpty();
        assertThat(outcome.out())
                .containsSubsequence("dev.braid.job.Braid", "spark-internal", command, "--model", "a model")
                .noneMatch(argument -> argument.startsWith("--options"));
    }

    /** Spark drops the options of executors that a local master has none of. */
    @Test
    void aPlanReadsTheOptionsFileAndHandsOnWhatDescribesExecutors() throws Exception {
        assertThat(start("jobs/plan.sh", "--executor-memory=8g", "--executor-cores", "4", "--", "--key", "k")
                        .out())
                .containsSubsequence("--conf", "spark.executor.memory=8g", "--conf", "spark.executor.cores=4", "plan")
                .containsSubsequence("plan", "--options=" + home + "/conf/braid.properties", "--key", "k")
                .noneMatch(argument -> argument.startsWith("spark.executor.instances"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--deploy-mode cluster",
                "--deploy-mode=cluster",
                "--conf spark.submit.deployMode=cluster",
                "--conf=spark.submit.deployMode=cluster --name client",
                "--properties-file mine.conf",
                "--properties-file=mine.conf"
            })
    void aDriverOnTheClusterIsShippedTheOptionsFile(String mode) throws Exception {
        program("spark-submit", saysItsArguments());
        Files.writeString(directory.resolve("mine.conf"), "spark.submit.deployMode cluster\n");

        assertThat(start("jobs/fuse.sh", (mode + " -- --key k").split(" ")).out())
                .containsSubsequence("--files", uri("/conf/braid.properties"), uri("/target/braid.jar"))
                .contains("--options=braid.properties");
        assertThat(start("jobs/fuse.sh", ("--files a.xml " + mode + " -- --key k").split(" "))
                        .out())
                .containsSubsequence(
                        "--files", "a.xml," + uri("/conf/braid.properties"), uri("/target/braid.jar"), "fuse")
                .contains("--options=braid.properties");
    }

    @Test
    void theUsersOwnOptionsFileIsShippedToo() throws Exception {
        program("spark-submit", saysItsArguments());
        Path mine = Files.writeString(directory.resolve("my#1.properties"), "key = k\n");

        assertThat(start("jobs/fuse.sh", "--deploy-mode", "cluster", "--", "--options", "my#1.properties")
                        .out())
                .containsSubsequence("--files", "file://" + encoded(mine.toString()), "fuse", "--options")
                .contains("my#1.properties");
        assertThat(start("jobs/fuse.sh", "--deploy-mode", "cluster", "--", "--options=" + mine)
                        .out())
                .containsSubsequence("--files", "file://" + encoded(mine.toString()), "fuse")
                .contains("--options=my#1.properties");
        assertThat(start("jobs/fuse.sh", "--deploy-mode", "cluster", "--", "--options=hdfs:///my.properties")
                        .out())
                .contains("--options=hdfs:///my.properties")
                .doesNotContain("--files");
    }

    @Test
    void driversOfAStandaloneClusterReadTheOptionsFileWhereItIs() throws Exception {
        program("spark-submit", saysItsArguments());

        assertThat(start("jobs/fuse.sh", "--master", "spark://h:7077", "--deploy-mode", "cluster", "--")
                        .out())
                .contains("--options=" + home + "/conf/braid.properties")
                .doesNotContain("--files");
    }

    @Test
    void driversOfAStandaloneClusterStartWithWhatSparkNeedsOfJava() throws Exception {
        program("spark-submit", saysItsArguments());
        String opens = Files.readAllLines(Path.of("conf/jvm.options")).stream()
                .filter(line -> line.startsWith("--add-opens="))
                .collect(Collectors.joining(" "));

        assertThat(opens).contains("--add-opens=java.base/sun.nio.ch=ALL-UNNAMED");
        assertThat(start("jobs/fuse.sh", "--master", "spark://h:7077", "--deploy-mode", "cluster", "--")
                        .out())
                .containsSubsequence("--driver-java-options", opens);
        assertThat(start(
                                "jobs/verify.sh",
                                "--master=spark://h:7077",
                                "--deploy-mode=cluster",
                                "--driver-java-options=-Da=b -Dc=d",
                                "--")
                        .out())
                .as("behind the user's own, since the last ones count")
                .containsSubsequence("--driver-java-options", "-Da=b -Dc=d " + opens);
        Files.writeString(
                directory.resolve("mine.conf"),
                "# a comment ends with its line \\\nspark.submit.deployMode cluster\nspark.driver.extraJavaOptions -Da=b \\\n    -Dc=d\nspark.x y\n");
        assertThat(start("jobs/fuse.sh", "--master", "spark://h:7077", "--properties-file", "mine.conf", "--")
                        .out())
                .as("a value may go on in the next line")
                .containsSubsequence("--driver-java-options", "-Da=b -Dc=d " + opens);
        assertThat(start("jobs/fuse.sh", "--master", "spark://h:7077", "--").out())
                .doesNotContain("--driver-java-options");
    }

    @ParameterizedTest
    @ValueSource(strings = {"SPARK_CONF_DIR", "SPARK_HOME", "spark-submit"})
    void sparksOwnSettingsSayThatTheDriverIsOnTheCluster(String where) throws Exception {
        Path installed = Files.createDirectories(directory.resolve("my spark"));
        Path conf = Files.createDirectories(installed.resolve("conf"));
        Files.writeString(
                conf.resolve("spark-defaults.conf"),
                "spark.submit.deployMode=cluster\nspark.files           a.xml,b.xml\n");
        executable(Files.createDirectories(installed.resolve("bin")).resolve("spark-submit"), saysItsArguments());
        switch (where) {
            case "SPARK_HOME" -> environment.put("SPARK_HOME", installed.toString());
            case "SPARK_CONF_DIR" -> {
                program("spark-submit", saysItsArguments());
                environment.put("SPARK_CONF_DIR", conf.toString());
            }
            default -> {
                program("spark-submit", saysItsArguments());
                program("find-spark-home", "export SPARK_HOME='" + installed + "'");
            }
        }

        assertThat(start("jobs/fuse.sh", "--key", "k").out())
                .containsSubsequence("--files", "a.xml,b.xml," + uri("/conf/braid.properties"), "fuse")
                .contains("--options=braid.properties");
    }

    @Test
    void worksFromAnywhereAndThroughALink() throws Exception {
        Path link = Files.createSymbolicLink(directory.resolve("fuse"), home.resolve("jobs/fuse.sh"));

        assertThat(start(link.toString(), "--key", "k").out()).contains("spark-a.jar:spark-b.jar:" + jar);
    }

    @Test
    void buildsAJarThatIsOlderThanTheSources() throws Exception {
        program(
                "mvn",
                "echo \"mvn in $PWD: $*\" >> \"" + directory + "/built\"; echo spark.jar > target/spark.classpath");
        Files.setLastModifiedTime(jar, FileTime.from(Instant.now().minusSeconds(600)));

        Outcome outcome = start("jobs/fuse.sh");
        assertThat(outcome.error())
                .isEqualTo(
                        "Building " + jar
                                + " (the first time Maven also downloads its libraries, which takes minutes)\nPreparing fast starts (once, half a minute)\n");
        assertThat(outcome.out()).startsWith("java");
        start("jobs/fuse.sh");
        assertThat(Files.readAllLines(directory.resolve("built")))
                .containsExactly("mvn in " + home + ": -B -ntp -Dno-lint -Dmaven.test.skip=true package");
    }

    @Test
    void twoFirstStartsAtOnceBuildOnceAndArchiveOnce() throws Exception {
        system("flock");
        Files.delete(jar);
        Files.delete(home.resolve("target/braid.jsa"));
        java(archiving("classes", "sleep 1; echo archived >> '" + directory + "/built'; exit"));
        program(
                "mvn",
                "echo built >> '" + directory + "/built'; sleep 1; echo 'a jar' > target/braid.jar;"
                        + " echo spark-a.jar:spark-b.jar > target/spark.classpath");

        Process one = launch("jobs/fuse.sh", "--key", "k");
        Process other = launch("jobs/fuse.sh", "--key", "k");

        assertThat(one.waitFor()).isZero();
        assertThat(other.waitFor()).isZero();
        assertThat(Files.readAllLines(directory.resolve("built"))).containsExactly("built", "archived");
        assertThat(names(home.resolve("target")))
                .containsExactlyInAnyOrder("braid.jar", "spark.classpath", "braid.jsa", "build.log");
    }

    @Test
    void aBuildThatWasKilledIsDoneAgain() throws Exception {
        program("mvn", "echo again >> '" + directory + "/built'; echo spark-a.jar > target/spark.classpath");
        Files.delete(home.resolve("target/spark.classpath"));

        start("jobs/fuse.sh");
        start("jobs/fuse.sh");

        assertThat(Files.readAllLines(directory.resolve("built"))).containsExactly("again");
    }

    @ParameterizedTest
    @ValueSource(strings = {"src/main/java/A.java", "src/main/resources/a.html"})
    void whatIsNewerThanTheJarIsBuiltIntoIt(String file) throws Exception {
        program("mvn", "touch '" + directory + "/built'; echo spark-a.jar > target/spark.classpath");

        start("jobs/fuse.sh");
        assertThat(directory.resolve("built")).doesNotExist();
        Path source = Files.createFile(home.resolve(file));
        Files.setLastModifiedTime(source, FileTime.from(Instant.now().plusSeconds(60)));
        start("jobs/fuse.sh");
        assertThat(directory.resolve("built")).exists();
    }

    @Test
    void aBuildThatFailsShowsWhatMavenSaid() throws Exception {
        program("mvn", "echo \"[ERROR] it is broken\"; exit 7");
        Files.delete(jar);

        Outcome outcome = start("jobs/fuse.sh");

        assertThat(outcome.code()).isEqualTo(1);
        assertThat(outcome.out()).isEmpty();
        assertThat(outcome.error())
                .endsWith("[ERROR] it is broken\nCannot build " + jar + ": Maven failed; see its output above\n");
    }

    @Test
    void saysWhichProgramIsMissing() throws Exception {
        Files.delete(jar);
        assertThat(start("jobs/fuse.sh").error())
                .isEqualTo("Cannot build " + jar + ": expected Maven 3.6.3 or newer ('mvn') on the PATH, got none\n");

        Files.delete(programs.resolve("javac"));
        assertThat(start("jobs/fuse.sh").error())
                .isEqualTo("Cannot start Braid: expected 'javac' of a JDK, version 17 or newer, got none;"
                        + " install one or set JAVA_HOME\n");

        program("java", "echo 'openjdk version \"1.8.0_402\"' >&2");
        assertThat(start("jobs/fuse.sh").error())
                .isEqualTo("Cannot start Braid: expected Java 17 or newer, got '8' from '" + programs
                        + "/java'; set JAVA_HOME\n");
    }

    @Test
    void anOldJavaIsNamedBeforeSparkSubmitRuns() throws Exception {
        program("spark-submit", saysItsArguments());
        program("java", "echo 'openjdk version \"11.0.22\"' >&2");
        Outcome outcome = start("jobs/fuse.sh");
        assertThat(outcome.code()).isEqualTo(1);
        assertThat(outcome.out()).isEmpty();
        assertThat(outcome.error())
                .isEqualTo("Cannot start Braid: expected Java 17 or newer, got '11' from '" + programs
                        + "/java'; set JAVA_HOME\n");

        Path newer = Files.createDirectories(directory.resolve("newer/bin"));
        executable(newer.resolve("java"), "echo 'openjdk version \"25\" 2025-09-16' >&2");
        Path conf = Files.createDirectories(directory.resolve("conf"));
        Files.writeString(conf.resolve("spark-env.sh"), "export JAVA_HOME=" + newer.getParent() + "\n");
        environment.put("SPARK_CONF_DIR", conf.toString());
        assertThat(start("jobs/fuse.sh").out()).startsWith("spark-submit");
    }

    /** Before bash 4.4, which Amazon Linux 2 lacks, an empty array counts as unset. */
    @Test
    void noArrayThatMayBeEmptyIsExpandedAsIfItWereSet() throws IOException {
        String script = Files.readString(Path.of("jobs/braid"));
        List<String> arrays = Pattern.compile("^(\\w+)=\\(\\)$", Pattern.MULTILINE)
                .matcher(script)
                .results()
                .map(found -> found.group(1))
                .toList();
        assertThat(arrays).contains("command", "spark", "properties");
        String names = String.join("|", arrays);
        String guarded = script.replaceAll("\\$\\{(" + names + ")\\[@\\]\\+\"\\$\\{\\1\\[@\\]\\}\"\\}", "");

        assertThat(guarded).doesNotContainPattern("\\$\\{(" + names + ")\\[[@*]\\]\\}");
    }

    private static List<String> names(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).toList();
        }
    }

    /** A Java 17 that does something first, and then says how it was called. */
    private void java(String first) throws IOException {
        program(
                "java",
                "[ \"$1\" = -version ] && echo 'openjdk version \"17.0.15\"' >&2 && exit\n" + first
                        + saysItsArguments());
    }

    /** Of a start that archives its classes: what the archive then holds, and how the start goes on. */
    private static String archiving(String content, String then) {
        return "for a; do case $a in -XX:ArchiveClassesAtExit=*) echo " + content + " > \"${a#*=}\"; " + then
                + ";; esac; done\n";
    }

    private static String saysItsArguments() {
        return "echo \"${0##*/}\"; printf '%s\\n' \"$@\" \"SPARK_SUBMIT_OPTS=${SPARK_SUBMIT_OPTS:-}\""
                + " \"LC_ALL=${LC_ALL:-}\"\n";
    }

    private String uri(String path) {
        return "file://" + encoded(home + path);
    }

    private static String encoded(String path) {
        return path.replace("%", "%25").replace(" ", "%20").replace("#", "%23").replace("?", "%3F");
    }

    /** Puts a program of this machine on the PATH. */
    private void system(String program) throws IOException {
        Path found = Stream.of("/usr/bin", "/bin")
                .map(bin -> Path.of(bin, program))
                .filter(Files::isExecutable)
                .findFirst()
                .orElseThrow();
        Files.writeString(programs.resolve(program), "#!/bin/sh\nexec " + found + " \"$@\"\n");
        Files.setPosixFilePermissions(programs.resolve(program), EXECUTABLE);
    }

    private void program(String name, String body) throws IOException {
        executable(programs.resolve(name), body);
    }

    private static void executable(Path path, String body) throws IOException {
        Files.writeString(path, "#!/usr/bin/env bash\n" + body);
        Files.setPosixFilePermissions(path, EXECUTABLE);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void temporaryFilesOfAKilledRunAreRemovedByTheNextStartAndThoseOfALivingOneAreNot(boolean submitted)
            throws Exception {
        system("flock");
        system("mktemp");
        Path temporary = Files.createDirectories(directory.resolve("tmp"));
        Path foreign = Files.createDirectories(temporary.resolve("braid-aaaaaaaaaa"));
        Path others = Files.createDirectories(directory.resolve("others"));
        Files.createFile(others.resolve("lock"));
        Files.createSymbolicLink(temporary.resolve("braid-bbbbbbbbbb"), others);
        environment.put("SPARK_SUBMIT_OPTS", "-Djava.io.tmpdir=" + temporary);
        String working = "for a in \"$@\" $SPARK_SUBMIT_OPTS; do case $a in -Djava.io.tmpdir=*/braid-*)"
                + " echo x > \"${a#*=}/left\"; esac; done; exec sleep 300\n";
        if (submitted) {
            program("spark-submit", working);
        } else {
            java(working);
        }
        Process run = launch("jobs/fuse.sh", "--key", "k");
        Path own = null;
        while (own == null) {
            Thread.sleep(20);
            assertThat(run.isAlive()).isTrue();
            try (Stream<Path> entries = Files.list(temporary)) {
                own = entries.filter(entry -> Files.exists(entry.resolve("left")))
                        .findFirst()
                        .orElse(null);
            }
        }
        if (submitted) {
            program("spark-submit", saysItsArguments());
        } else {
            java("");
        }

        Outcome second = start("jobs/fuse.sh", "--key", "k");
        assertThat(second.code()).isZero();
        assertThat(second.error()).isEmpty();
        assertThat(String.join(" ", second.out()))
                .containsPattern("-Djava.io.tmpdir=" + temporary + "/braid-[A-Za-z0-9]{10}( |$)")
                .doesNotContain(own.toString());
        assertThat(own.resolve("left")).exists();

        run.destroyForcibly().waitFor();
        Outcome third = start("jobs/fuse.sh", "--key", "k");
        assertThat(third.error()).isEqualTo("Removing the temporary files of a run that was killed: '" + own + "'\n");
        assertThat(own).doesNotExist();
        assertThat(foreign).exists();
        assertThat(others.resolve("lock")).exists();
        try (Stream<Path> entries = Files.list(temporary)) {
            assertThat(entries)
                    .as("the link, the directory without a lock, and the third's own")
                    .hasSize(3);
        }
    }

    private Outcome start(String script, String... arguments) throws IOException, InterruptedException {
        int code = launch(script, arguments).waitFor();
        return new Outcome(
                code, Files.readAllLines(directory.resolve("out")), Files.readString(directory.resolve("error")));
    }

    private Process launch(String script, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(home.resolve(script).toString()));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(directory.toFile())
                .redirectOutput(directory.resolve("out").toFile())
                .redirectError(directory.resolve("error").toFile());
        builder.environment().clear();
        builder.environment().putAll(environment);
        builder.environment().put("PATH", programs.toString());
        return builder.start();
    }
}
