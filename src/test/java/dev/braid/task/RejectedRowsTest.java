package dev.braid.task;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.decode.BadRow;
import dev.braid.decode.Fault;
import dev.braid.decode.MaxBadRows;
import dev.braid.decode.Reason;
import dev.braid.decode.RowPolicy;
import dev.braid.decode.RowPolicy.OnBadRow;
import dev.braid.decode.RowPolicy.OnMissing;
import dev.braid.spark.SharedSpark;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.stream.IntStream;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaFutureAction;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.VoidFunction;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.util.LongAccumulator;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A run of 40 tasks of a row each; row n has key n. */
@ExtendWith(SharedSpark.class)
class RejectedRowsTest {
    private static final int TASKS = 40;
    private static final int TASK_MILLIS = 100;

    private final SparkSession spark;
    private final LongAccumulator attempts = new LongAccumulator();

    RejectedRowsTest(SparkSession spark) {
        this.spark = spark;
        spark.sparkContext().register(attempts);
    }

    @Test
    void aTaskThatEndsItsRowsEndsTheRunWithoutARetry() {
        RejectedRows rejected = start(RowPolicy.FAIL);
        JavaFutureAction<Void> job = run(key -> {
            try (Quarantine quarantine = new Quarantine(rejected.run(), DataTypes.IntegerType, NoFile::new)) {
                if (key == 3) {
                    quarantine.reject(bad(key));
                } else {
                    Thread.sleep(TASK_MILLIS);
                }
                rejected.ended(quarantine);
            }
        });
        assertThatThrownBy(() -> rejected.await(job))
                .isInstanceOf(InputException.class)
                .hasMessage("Cannot decode row '3': column 'pixels' is null");
        assertThat(job.isCancelled()).isTrue();
        assertThat(attempts.value()).isLessThan(TASKS);
    }

    @Tag("slow")
    @Test
    void theRunEndsOnceTooManyRowsAreSetAside() throws Exception {
        String[] limits = {"7", "17.5%"};
        for (String limit : limits) {
            RejectedRows rejected = start(quarantine(limit));
            JavaFutureAction<Void> job = run(everyRowIsBad(rejected));
            assertThatThrownBy(() -> rejected.await(job))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("(--max-bad-rows), got at least ");
            assertThat(rejected.rows()).isGreaterThan(7);
        }
        RejectedRows all = start(quarantine("42"));
        all.await(run(everyRowIsBad(all)));
        assertThat(all.rows()).as("two bad keys, and a row of each task").isEqualTo(42);
        RejectedRows tooMany = start(quarantine("41"));
        assertThatThrownBy(() -> tooMany.await(run(everyRowIsBad(tooMany))))
                .hasMessageEndingWith("the quarantine says what is wrong with each");
    }

    @Test
    void otherFailuresAreTheJobs() {
        RejectedRows rejected = start(RowPolicy.FAIL);
        assertThatThrownBy(() -> rejected.await(run(key -> {
                    throw new IllegalStateException("broken");
                })))
                .isInstanceOf(ExecutionException.class)
                .hasStackTraceContaining("broken");
    }

    private static RowPolicy quarantine(String limit) {
        return new RowPolicy(OnBadRow.QUARANTINE, MaxBadRows.parse(limit).orElseThrow(), OnMissing.FAIL);
    }

    private RejectedRows start(RowPolicy policy) {
        attempts.reset();
        return RejectedRows.start(spark.sparkContext(), new Quarantine.Run("run-1", policy, TASKS, 2));
    }

    private static VoidFunction<Integer> everyRowIsBad(RejectedRows rejected) {
        return key -> {
            try (Quarantine quarantine = new Quarantine(rejected.run(), DataTypes.IntegerType, NoFile::new)) {
                quarantine.reject(bad(key));
                Thread.sleep(TASK_MILLIS);
                rejected.ended(quarantine);
            }
        };
    }

    private JavaFutureAction<Void> run(VoidFunction<Integer> task) {
        LongAccumulator counted = attempts;
        List<Integer> keys = IntStream.range(0, TASKS).boxed().toList();
        JavaRDD<Integer> rows =
                JavaSparkContext.fromSparkContext(spark.sparkContext()).parallelize(keys, TASKS);
        return rows.foreachPartitionAsync(partition -> {
            assertThat(TaskContext.get().attemptNumber()).isZero();
            counted.add(1);
            task.call(partition.next());
        });
    }

    private static BadRow bad(int key) {
        Fault fault = new Fault(Reason.NULL_SEQUENCE, "visual", "pixels", null, "is null");
        return new BadRow(new GenericInternalRow(new Object[] {key}), DataTypes.IntegerType, fault, null);
    }

    private static final class NoFile implements Quarantine.RowFile {
        @Override
        public void write(InternalRow row) {}

        @Override
        public void close() {}
    }
}
