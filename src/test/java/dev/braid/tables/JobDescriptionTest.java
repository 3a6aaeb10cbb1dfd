package dev.braid.tables;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.spark.SharedSpark;
import java.util.List;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(SharedSpark.class)
class JobDescriptionTest {
    private static String shown(JavaSparkContext spark) {
        return spark.getLocalProperty("spark.job.description");
    }

    @Test
    void theCallersDescriptionComesBack(SparkSession session) {
        JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
        spark.setJobDescription("the caller's");
        try (JobDescription outer = JobDescription.of(session, "fuse a into b")) {
            assertThat(outer).isNotNull();
            try (JobDescription inner = JobDescription.of(session, "audit the output")) {
                assertThat(inner).isNotNull();
                assertThat(shown(spark)).isEqualTo("Braid: audit the output");
            }
            assertThat(shown(spark)).isEqualTo("Braid: fuse a into b");
        }
        assertThat(shown(spark)).isEqualTo("the caller's");
        spark.setJobDescription(null);
        JobDescription.of(session, "fuse").close();
        assertThat(shown(spark)).isNull();
    }

    @Test
    void passwordsAreMaskedAndLongOnesCut(SparkSession session) {
        JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
        try (JobDescription masked = JobDescription.of(
                session, "open " + JobDescription.list(List.of("s3a://key:secret@bucket/a", "b", "b")))) {
            assertThat(masked).isNotNull();
            assertThat(shown(spark)).isEqualTo("Braid: open s3a://key:***@bucket/a, b");
        }
        try (JobDescription cut = JobDescription.of(session, "x".repeat(9999))) {
            assertThat(cut).isNotNull();
            assertThat(shown(spark)).hasSize(303).endsWith("x...");
        }
    }
}
