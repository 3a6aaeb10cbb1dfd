package dev.braid.job;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.ChildJvm;
import dev.braid.failure.TransientException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** In a JVM of its own, as the tests share a Spark. */
class SessionTest {

    @Tag("slow")
    @Test
    @Timeout(value = 5, unit = TimeUnit.MINUTES)
    void braidStopsTheSparkThatItStartedAndNoOther() throws Exception {
        List<String> command = ChildJvm.javaWithSpark(1);
        command.addAll(List.of("-cp", ChildJvm.classPath(), Host.class.getName()));
        Process host = new ProcessBuilder(command).redirectErrorStream(true).start();
        String out = new String(host.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

        assertThat(host.waitFor()).as(out).isZero();
        assertThat(out).isEqualTo("""
                        own: braid test, stopped true
                        host's: the host, same session true, stopped false
                        after a command: stopped false
                        after a host on the cluster: stopped false
                        """);
    }

    @Test
    void aClusterThatDoesNotTakeTheApplicationIsNamed() {
        RuntimeException silent = Session.unstarted(
                "spark://user:secret@host:7077",
                new IllegalStateException("Cannot call methods on a stopped SparkContext.\nThis stopped ..."));
        assertThat(silent)
                .isInstanceOf(TransientException.class)
                .hasMessage("Cannot start Spark: expected a cluster that takes the application (master"
                        + " 'spark://user:***@host:7077'), got no answer; check that the cluster runs and can be reached"
                        + " from here");
        assertThat(Session.unstarted("yarn", new IOException("Queue 'q' is full")))
                .hasMessageContaining("(master 'yarn'), got 'IOException: Queue 'q' is full'; check that");
        assertThat(Session.lost("spark://h:7077", new IllegalStateException("LiveListenerBus is stopped.")))
                .hasValue(
                        "expected a cluster that takes the application and keeps it (master 'spark://h:7077'), got one"
                                + " that does not answer or has ended it; check that the cluster runs and can be reached from"
                                + " here");
        assertThat(Session.lost("spark://h:7077", new IllegalStateException("another")))
                .isEmpty();
        assertThat(Session.lost(
                        "local[2]", new IllegalStateException("Cannot call methods on a stopped SparkContext.")))
                .isEmpty();
        RuntimeException own = new IllegalStateException("spark.memory.fraction must be in (0, 1)");
        assertThat(Session.unstarted("local[2]", own)).isSameAs(own);
    }

    @Test
    void thePluginThatShowsARunJoinsThoseThatTheUserChose() {
        String plugin = "dev.braid.spark.FusionPlugin";
        assertThat(Session.withFusionPlugin("")).isEqualTo(plugin);
        assertThat(Session.withFusionPlugin("com.nvidia.spark.SQLPlugin"))
                .isEqualTo("com.nvidia.spark.SQLPlugin," + plugin);
        assertThat(Session.withFusionPlugin("a.B, " + plugin)).isEqualTo("a.B, " + plugin);
    }

    /** A program that has a Spark of its own. */
    static final class Host {
        private Host() {}

        public static void main(String[] arguments) {
            SparkSession own;
            try (Session session = Session.open("test")) {
                own = session.spark();
            }
            System.out.println("own: " + own.sparkContext().appName() + ", stopped "
                    + own.sparkContext().isStopped());
            SparkSession spark = SparkSession.builder().appName("the host").getOrCreate();
            boolean same;
            try (Session session = Session.open("test")) {
                same = session.spark() == spark;
            }
            System.out.println("host's: " + spark.sparkContext().appName() + ", same session " + same + ", stopped "
                    + spark.sparkContext().isStopped());
            neighbours();
            System.out.println(
                    "after a command: stopped " + spark.sparkContext().isStopped());
            System.setProperty("spark.submit.deployMode", "cluster");
            neighbours();
            System.out.println("after a host on the cluster: stopped "
                    + spark.sparkContext().isStopped());
            spark.stop();
        }

        private static void neighbours() {
            Braid.run(
                    new String[] {"neighbours", "--table=/absent", "--key=k", "--of=a"},
                    new PrintWriter(new StringWriter()),
                    new PrintWriter(new StringWriter()));
        }
    }
}
